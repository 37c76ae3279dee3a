package CloudEP::Soak::Actor;

# One client of the ledger test: lives the lives of members, one after the other, and writes down what it was told.
#
# An answer of 500 or 503, or none, leaves open whether the thing was done: the actor then goes on as a person would,
# and accepts either. Everything else it holds the server to, at once where it can be seen at once, and by the members
# it writes down for the comparison with the database at the end.

use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Mail;
use CloudEP::Process qw(slurp);
use CloudEP::Totp;
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);
use Time::HiRes qw(sleep stat time);

my $json = JSON::PP->new->canonical->utf8;

# number, client (CloudEP::Client), mail => folder of the mails, out => file, until => time, slug, invite, and
# contested => { slug, invite } that all actors race for; shipped => whether the limits are as shipped, so that members
# have addresses of their own and wait when they are told to.
sub new {
    my ($class, %self) = @_;
    open $self{file}, '>>', $self{out} or die "$self{out}: $!";
    $self{file}->autoflush(1);
    return bless \%self, $class;
}

sub note { my ($self, %entry) = @_; print { $self->{file} } $json->encode(\%entry), "\n" }
sub violation { my ($self, $text) = @_; $self->note(kind => 'violation', at => time, text => $text) }

sub live {
    my ($self) = @_;
    srand($$ ^ time);
    while (time < $self->{until}) {
        $self->{member} = undef;
        $self->move if $self->{shipped};
        eval { $self->life; 1 } or $@ eq "over\n" or $@ eq "next\n" or $self->violation("the test itself failed: $@");
        $self->note(kind => 'member', %{ $self->{member} }) if $self->{member};
    }
}

# To another address, as another person; and the stranger of this life to another one still.
sub move {
    my ($self) = @_;
    my $life = $self->{lives}++;
    my @last = ($self->{number}, 1 + $life % 250);
    $self->{client} = $self->{client}->with(address => join '.', 127, 100 + int($life / 250), @last);
    $self->{strange} = $self->{client}->with(address => join '.', 127, 200 + int($life / 250), @last);
}

# ---- requests

# Several at the same instant, each [operation, METHOD, path, data, token]. An answer that did not come has status 0.
sub ask_all {
    my ($self, @requests) = @_;
    die "over\n" if time > $self->{until} + 15;
    my $began = time;
    my $client = $self->{strange} && !grep({ $_->[0] !~ /of a stranger$/ } @requests) ? $self->{strange} : $self->{client};
    my @answers = eval {
        $client->parallel(map {
                my (undef, $method, $path, $data, $token) = @$_;
                [$method, $path =~ m{^/} ? $path : "/api/v1/$path", $data, defined $token ? (Authorization => "Bearer $token") : ()];
        } @requests);
    };
    my $error = $@;
    @answers = map { CloudEP::Client::Response->new($_->[1], $_->[2], '') } @requests if !@answers;
    for my $i (0 .. $#requests) {
        my $answer = $answers[$i];
        in_words_of_v1($answer) if $requests[$i][2] =~ m{^/};
        $self->note(kind => 'request', from => $began, to => time, operation => $requests[$i][0], status => $answer->status,
            code => $answer->code, $answer->status ? () : (error => $error || 'closed without an answer'));
        $self->violation("$requests[$i][0]: " . $answer->status . " is not our envelope: " . substr $answer->raw, 0, 300)
            if $answer->status && !defined $answer->code;
    }
    return @answers;
}

# Where the API style "account" serves a tenant, and "session".
sub mount { my ($slug, $style) = @_; return "/styles/$slug/$style" }

# The same request in the style "account", now and then: it has the same sessions.
sub either {
    my ($self, $operation, $method, $path, $data, $token) = @_;
    my %account = ('members/me' => 'me', 'auth/token/refresh' => 'refresh', 'auth/logout' => 'logout');
    return ($operation, $method, $path, $data, $token) if rand() < 0.6;
    return ("account $operation", $method, mount($self->{member}{slug}, 'account') . "/$account{$path}", $data && { refreshToken => $data->{refresh_token} }, $token);
}

# An answer of that style, as v1 would have said it.
sub in_words_of_v1 {
    my ($answer) = @_;
    my $told = $answer->json;
    ref $told eq 'HASH' && JSON::PP::is_bool($told->{ok}) or return;
    my %name = (token => 'access_token', refreshToken => 'refresh_token', id => 'uid', email => 'zitadel_email');
    my $data = $told->{data} // {};
    $answer->{json} = { code => $told->{ok} ? 102000 : 0, data => { map { ($name{$_} // $_) => $data->{$_} } keys %$data } };
}

sub ask { my ($self, @request) = @_; return ($self->ask_all(\@request))[0] }

# Was it left open whether the thing was done?
sub unknown { my ($answer) = @_; return $answer->status == 0 || $answer->status >= 500 }

# Waits as long as it is told to, if it is and the limits are shipped. Who has waited so often is kept out for good.
sub waited {
    my ($self, $answer, $waits) = @_;
    my $seconds = $answer->status == 429 && $self->{shipped} ? $answer->header('Retry-After') : undef or return 0;
    $self->violation("told to wait again and again: " . $answer->body) if $$waits++ > 3;
    die "over\n" if time + $seconds > $self->{until};
    sleep $seconds;
    return 1;
}

# Asks until the answer says something. Returns it, and whether an earlier try may have been carried out.
sub insist {
    my ($self, @request) = @_;
    my ($doubt, $waits) = (0, 0);
    while (1) {
        my $answer = $self->ask(@request);
        next if $self->waited($answer, \$waits);
        return ($answer, $doubt) if !unknown($answer) && $answer->status != 423;
        $doubt = 1 if unknown($answer) && $answer->status != 503;
        die "over\n" if time > $self->{until};
        sleep 0.1 + rand 0.3;
    }
}

# Anything but these statuses breaks a promise.
sub expect {
    my ($self, $answer, $operation, @statuses) = @_;
    return $answer if grep { $_ == $answer->status } @statuses;
    $self->violation("$operation of " . ($self->{member}{email} // 'nobody') . ': ' . $answer->status . ' '
            . $answer->body . ", expected @statuses");
    die "next\n";
}

sub word { join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. $_[0] }
sub claims { $json->decode(decode_base64url((split /\./, $_[0])[1])) }

# ---- a life

sub life {
    my ($self) = @_;
    my $place = rand() < 0.1 ? $self->{contested} : $self;
    my $member = $self->register($place) or return;
    $self->{member} = $member;
    my $session = $self->confirm or return;
    $self->profile($session, 0);
    $session = $self->refresh($session) || return for 1 .. 2;
    if (rand() < 0.6) {
        $self->enrol($session);
        $self->undo if rand() < 0.3;
    }
    $self->reset if rand() < 0.5;
    for (1 .. 2) {
        $session = $self->login or return;
        $self->profile($session, 0);
        $session = $self->refresh($session) or return;
        last if rand() < 0.3;    # some sessions stay, to be looked for at the end
        $self->logout($session);
    }
    $self->by_cookie if rand() < 0.5;
}

# In and out again by the style "session", as a browser.
sub by_cookie {
    my ($self) = @_;
    my $member = $self->{member};
    my $root = mount($member->{slug}, 'session');
    my $browser = CloudEP::Browser->new(client => $self->{client});
    my $told = sub {
        my ($operation, $method, $path, @data) = @_;
        while (1) {
            die "over\n" if time > $self->{until};
            my $began = time;
            my $answer = eval { $browser->request($method, "$root/$path", @data) } // CloudEP::Client::Response->new($method, "$root/$path", '');
            $self->note(kind => 'request', from => $began, to => time, operation => $operation, status => $answer->status, code => '-',
                $answer->status ? () : (error => $@ || 'closed without an answer'));
            $self->violation("$operation: " . $answer->status . ' is not in the form of the style: ' . substr $answer->raw, 0, 300)
                if $answer->status && $answer->status != 204 && ref $answer->json ne 'HASH';
            return $answer if !unknown($answer);
            sleep 0.1 + rand 0.3;
        }
    };
    $self->expect($told->('session ping', GET => ''), 'session ping', 200);
    my $entered = $told->('session login', POST => 'login', { email => $member->{email}, password => $member->{password}[0] });
    my $enrolled = $member->{enrolled} // 'no';
    my $refused = $enrolled ne 'no' || @{ $member->{password} } > 1;    # for want of the factor, or another password may be the one
    $self->expect($entered, 'session login', $enrolled eq 'yes' ? () : 204, $refused ? 400 : ());
    return if $entered->status != 204;
    my $user = $told->('session user', GET => 'user');
    $self->expect($user, 'session user', 200);
    $self->violation("session: $member->{email} is told of " . $user->body) if $user->json->{email} ne $member->{email};
    $self->expect($told->('session logout', POST => 'logout'), 'session logout', 204);
    $self->expect($told->('session verify', GET => 'verify'), 'session verify after a logout', 401);
}

sub register {
    my ($self, $place) = @_;
    my ($email, $password) = ("a$self->{number}-" . word(14) . '@example.com', 'Pw-7' . word(20));
    my $stranger = $place == $self && rand() < 0.3 ? 'Pw-7' . word(20) : undef;
    $self->insist('register of a stranger', POST => 'auth/register', { tenant_slug => $place->{slug}, invite_code => $place->{invite},
            email => $email, password => $stranger, accept_terms_version => '1' }) if $stranger;
    my ($answer, $doubt) = $self->insist('register', POST => 'auth/register', { tenant_slug => $place->{slug},
            invite_code => $place->{invite}, email => $email, password => $password, accept_terms_version => '1' });
    if ($answer->status == 429 && $place != $self) {
        return;    # the contested invite is used up
    }
    $self->{member} = { email => $email };
    $self->expect($answer, 'register', 200, $doubt || $stranger ? 409 : ());
    my $member = { slug => $place->{slug}, email => $email, password => [$password], sessions => {}, status => 'pending', stranger => $stranger };
    if ($answer->status == 200) {
        @{$member}{qw(uid challenge)} = @{ $answer->data }{qw(uid challenge_id)};
    }
    return $member;
}

# The codes in the mails that came, newest first. A stopped SMTP server begins its numbers anew, so by time.
sub codes {
    my ($self, $about) = @_;
    my @files = sort { (stat $b)[9] <=> (stat $a)[9] } glob "$self->{mail}/\Q$self->{member}{email}\E/*.eml";
    my @mails = map { CloudEP::Mail::parse(slurp($_)) } @files;
    return map { ($_->{text} =~ /(?<!\w)(\d{6})(?!\w)/) ? $1 : () } grep { $_->{headers}{subject} =~ $about } @mails;
}

# A code that this challenge has not seen, once it comes.
sub code {
    my ($self, $about, $tried) = @_;
    my $until = time + 20;
    while (time < $until) {
        my ($code) = grep { !$tried->{$_} } $self->codes($about);
        return $code if $code;
        die "over\n" if time > $self->{until};
        sleep 0.1;
    }
    return;
}

my $RESET = qr/reset code/;
my $REGISTRATION = qr/^(?!.*reset code).*code/i;

# Redeems a challenge with the code of a mail; $renew->() gives a new challenge when that was lost. $redeem->($challenge,
# $code) is the request; $beside->() are those of somebody else at the same instant, whose answers are in $self->{beside}.
# Returns its answer and whether an earlier try may have been carried out.
sub redeem {
    my ($self, $about, $challenge, $renew, $redeem, $beside) = @_;
    my ($doubt, $waits, %tried) = (0, 0);
    for (1 .. 30) {
        $challenge //= $renew->();
        return (undef, $doubt) if !$challenge;
        my $code = $self->code($about, \%tried);
        if (!$code) {
            $challenge = undef;
            next;
        }
        my @request = $redeem->($challenge, $code);
        my $times = rand() < 0.2 ? 3 : 1;
        my @answers = $self->ask_all((\@request) x $times, $beside->());
        push @{ $self->{beside} }, splice @answers, $times;
        my @won = grep { $_->status == 200 } @answers;
        $self->violation("$request[0]: one challenge succeeded " . @won . ' times') if @won > 1;
        return ($won[0], $doubt) if @won;
        $doubt = 1 if grep { unknown($_) } @answers;
        my ($answer) = sort { $b->status <=> $a->status } @answers;
        next if $self->waited($answer, \$waits);
        $self->expect($answer, $request[0], 403, 404, 409, 500, 502, 503, 0);
        return ($answer, $doubt) if $answer->status == 409 && $answer->code == 28309000;    # the registration is over
        $tried{$code} = 1 if $answer->status == 403;
        $challenge = undef if $answer->status == 404 || $answer->status == 409;
        sleep 0.1 + rand 0.2;
    }
    return (undef, $doubt);
}

sub confirm {
    my ($self) = @_;
    my $member = $self->{member};
    my ($answer, $doubt) = $self->redeem($REGISTRATION, $member->{challenge}, sub {

            # An attempt has a uid of its own: which one is confirmed in the end is the member's.
            delete $member->{uid};
            my ($resumed) = $self->insist('resume', POST => 'auth/register/resume', { tenant_slug => $member->{slug}, email => $member->{email},
                    password => $member->{password}[0], accept_terms_version => '1' });
            $member->{resumed}++;
            return $resumed->status == 200 ? $resumed->data->{challenge_id} : undef;
        }, sub { ('confirm', POST => 'auth/register/confirm', { tenant_slug => $member->{slug}, challenge_id => $_[0], code => $_[1] }) },
        sub { $self->stranger });
    delete $member->{challenge};
    if ($answer && $answer->status == 200) {
        $self->violation("the uid of $member->{email} changed") if ($member->{uid} // $answer->data->{uid}) ne $answer->data->{uid};
        $member->{uid} = $answer->data->{uid};
        $member->{status} = 'active';
        $self->refused('login of a stranger', delete $member->{stranger}) if $member->{stranger};
        return $self->session($answer);
    }
    $member->{status} = $doubt ? 'unknown' : $member->{status};
    return if !$doubt;
    return $self->login;    # the confirmation may have been carried out
}

# Takes the tokens of an answer down.
sub session {
    my ($self, $answer) = @_;
    my $claims = claims($answer->data->{access_token});
    return $self->{member}{sessions}{ $claims->{sid} } = { id => $claims->{sid}, state => 'live', access => $answer->data->{access_token},
        refresh => $answer->data->{refresh_token}, jti => claims($answer->data->{refresh_token})->{jti} };
}

# $over: the session has ended, so that only a refusal is right.
sub profile {
    my ($self, $session, $over) = @_;
    my ($answer) = $self->insist($self->either('me', GET => 'members/me', undef, $session->{access}));
    $self->expect($answer, $over ? 'me after the end of a session' : 'me', $over ? 401 : 200);
    $self->violation("me: $self->{member}{email} is told of " . $answer->body)
        if !$over && ($answer->data->{uid} ne $self->{member}{uid} || $answer->data->{zitadel_email} ne $self->{member}{email});
}

sub refresh {
    my ($self, $session) = @_;
    my $began = time;
    my $token = $session->{refresh};
    my @request = $self->either('refresh', POST => 'auth/token/refresh', { refresh_token => $token });
    $session->{state} = 'unknown';    # until the answer: the time may be over before it comes
    my ($answer, $doubt) = $self->insist(@request);

    # Within the grace a repetition gets the successor; after it, a first try that was carried out makes it theft.
    $self->expect($answer, 'refresh', 200, $doubt && time - $began > 9 ? 401 : ());
    return $self->login if $answer->status == 401;
    $session->{state} = 'live';
    my $successor = claims($answer->data->{refresh_token});
    if (rand() < 0.3 && time - $began < 5) {
        for my $again ($self->ask_all((\@request) x 3)) {
            $self->violation('refresh: a token has two successors')
                if $again->status == 200 && claims($again->data->{refresh_token})->{jti} ne $successor->{jti};
            $self->expect($again, 'refresh again', 200, 500, 502, 503, 0);
        }
    }
    $self->violation('refresh: the session changed') if $successor->{sid} ne $session->{id};
    @{$session}{qw(access refresh jti)} = (@{ $answer->data }{qw(access_token refresh_token)}, $successor->{jti});
    return $session;
}

sub enrol {
    my ($self, $session) = @_;
    my $member = $self->{member};
    my ($started) = $self->insist('enroll-start', POST => 'members/me/totp/enroll-start', undef, $session->{access});
    $self->expect($started, 'enroll-start', 200);
    my $secret = totp_secret($started->data->{otpauth_url});
    my $step = totp_step();
    my $answer = $self->ask('enroll-confirm', POST => 'members/me/totp/enroll-confirm', { code => totp_code_of($secret, $step) }, $session->{access});
    $self->expect($answer, 'enroll-confirm', 200, 500, 502, 503, 0);
    if ($answer->status != 200) {
        $member->{enrolled} = 'unknown';
        die "next\n";    # nobody was told the backup codes
    }

    # The last step that was tried, and the last that the server is known to have used.
    @{$member}{qw(enrolled secret step used_step backup)} = ('yes', unpack('H*', $secret), $step, $step, $answer->data->{backup_codes});
}

# What a stranger does beside the owner's confirmation, who was at the address first: tries it anew, once.
sub stranger {
    my ($self) = @_;
    my $member = $self->{member};
    return if !$member->{stranger} || $member->{tried}++;
    return ['resume of a stranger', POST => 'auth/register/resume', { tenant_slug => $member->{slug}, email => $member->{email},
            password => $member->{stranger}, accept_terms_version => '1' }];
}

# A password that lets nobody in.
sub refused {
    my ($self, $operation, $password) = @_;
    my $member = $self->{member};
    my ($answer) = $self->insist($operation, POST => 'auth/login', { tenant_slug => $member->{slug}, email => $member->{email}, password => $password });
    $self->expect($answer, $operation, 401);
}

# The owner takes back the factor that a thief enrolled, by the link in the notice: password and sessions go with it.
sub undo {
    my ($self) = @_;
    my $member = $self->{member};
    my $until = time + 20;
    my $token;
    while (!$token) {
        my @texts = map { CloudEP::Mail::parse(slurp($_))->{text} } glob "$self->{mail}/\Q$member->{email}\E/*.eml";
        ($token) = map { /#undo=([\w-]+)/ ? $1 : () } @texts;
        die "over\n" if time > $self->{until};
        return if time > $until;
        sleep 0.1;
    }
    my @answers = $self->ask_all((['undo', POST => 'auth/undo', { token => $token }]) x (rand() < 0.5 ? 3 : 1));
    my @won = grep { $_->status == 200 } @answers;
    $self->violation('undo: a link was used ' . @won . ' times') if @won > 1;
    $self->expect($_, 'undo', 200, 404, 500, 502, 503, 0) for @answers;
    $self->violation('undo: a good link was refused: ' . $answers[0]->body) if !@won && !grep { unknown($_) } @answers;
    delete @{$member}{qw(enrolled secret step used_step backup)};
    if (!@won) {
        $_->{state} = 'unknown' for values %{ $member->{sessions} };
        $member->{password} = [(@{ $member->{password} }) x 2];    # it may be gone
        die "next\n";
    }
    $member->{password} = [(@{ $member->{password} }) x 2];    # until a reset sets the next
    $self->ended;
    $self->refused('login after an undo', $member->{password}[0]);
    $self->reset;
    die "next\n" if @{ $member->{password} } != 1;
}

# Reads the state of a login; with a second factor, goes through that. Returns the session.
sub login {
    my ($self) = @_;
    my $member = $self->{member};
    my ($answer) = $self->attempt;

    # A confirmation that was not carried out after all, and may have got as far as the provider: 403, or 401 where the
    # password of the first attempt is not there any more.
    $self->expect($answer, 'login', 200, $member->{status} eq 'unknown' ? (401, 403) : ());
    if ($answer->status != 200) {
        $member->{status} = 'pending';
        return;
    }
    $member->{status} = 'active';
    return $self->second_factor($answer->data->{mfa_challenge_id}) if $answer->data->{mfa_required};
    $self->violation("login without the second factor: $member->{email}") if ($member->{enrolled} // '') eq 'yes';
    $member->{uid} //= $answer->data->{uid};
    return $self->session($answer);
}

# Logs in with the password; with each of those that it may be after a reset without an answer.
sub attempt {
    my ($self) = @_;
    my $member = $self->{member};
    my $answer;
    for my $password (@{ $member->{password} }) {
        ($answer) = $self->insist('login', POST => 'auth/login', { tenant_slug => $member->{slug}, email => $member->{email}, password => $password });
        if ($answer->status == 200) {
            $member->{password} = [$password];
            last;
        }
    }
    return $answer;
}

sub second_factor {
    my ($self, $challenge) = @_;
    my $member = $self->{member};
    my $code = shift @{ $member->{backup} } // return;
    my $step = totp_step() + 1;    # the next step's code is accepted as well
    my $by_step = $step > $member->{step} && rand() < 0.5;
    if ($by_step) {
        unshift @{ $member->{backup} }, $code;
        $code = totp_code_of(pack('H*', $member->{secret}), $step);
        $member->{step} = $step;
    }
    my @request = ('mfa', POST => 'auth/login/mfa', { tenant_slug => $member->{slug}, challenge_id => $challenge, code => $code });
    my @answers = $self->ask_all((\@request) x (rand() < 0.3 ? 3 : 1));
    my @won = grep { $_->status == 200 } @answers;
    $self->violation("mfa: one code let in @{[scalar @won]} times") if @won > 1;
    $self->expect($_, 'mfa', 200, 500, 502, 503, 0, 403, 404, 409) for @answers;
    my $open = grep { unknown($_) } @answers;
    $self->violation('mfa: the right code was refused: ' . $answers[0]->body) if !@won && !$open && $answers[0]->status == 403;
    die "next\n" if !@won;    # its challenge was lost, or nobody knows
    $member->{used_step} = $step if $by_step;
    my $session = $self->session($won[0]);

    # The same code never again.
    my ($again) = $self->attempt;
    $self->expect($again, 'login', 200);
    my ($refused) = $self->insist('mfa again', POST => 'auth/login/mfa', { tenant_slug => $member->{slug},
            challenge_id => $again->data->{mfa_challenge_id}, code => $code });
    $self->expect($refused, 'mfa with a used code', 403, 404);
    return $session;
}

sub reset {
    my ($self) = @_;
    my $member = $self->{member};
    my $password = 'Pw-7' . word(20);
    my @thief = map { ['login of a thief', POST => 'auth/login', { tenant_slug => $member->{slug}, email => $member->{email}, password => $_ }] }
        ($member->{password}[0]) x (rand() < 0.5 ? 4 : 0);
    $self->{beside} = [];

    # Until the answer nobody knows: the time may be over before it comes.
    my @live = grep { $_->{state} eq 'live' } values %{ $member->{sessions} };
    $_->{state} = 'unknown' for @live;
    push @{ $member->{password} }, $password;
    my ($answer, $doubt) = $self->redeem($RESET, undef, sub {
            my ($asked) = $self->insist('forgot', POST => 'auth/password/forgot', { tenant_slug => $member->{slug}, email => $member->{email} });
            $self->expect($asked, 'forgot', 200);
            return $asked->data->{challenge_id};
        }, sub { ('reset', POST => 'auth/password/reset', { tenant_slug => $member->{slug}, challenge_id => $_[0], code => $_[1],
                    new_password => $password }) }, sub { @thief });
    my $done = $answer && $answer->status == 200;
    $self->session($_) for grep { $_->status == 200 && $_->data->{access_token} } @{ $self->{beside} };
    if ($done) {
        $member->{password} = [$password];
        return $self->ended;
    }
    $_->{state} = $doubt ? 'unknown' : 'live' for @live, grep { $_->{state} eq 'live' } values %{ $member->{sessions} };
}

# All sessions have ended. Written down before any is looked at: the time may be over in between.
sub ended {
    my ($self) = @_;
    my @sessions = values %{ $self->{member}{sessions} };
    $_->{state} = 'ended' for @sessions;
    $self->profile($_, 1) for @sessions;
}

sub logout {
    my ($self, $session) = @_;
    $session->{state} = 'unknown';    # until the answer: the time may be over before it comes
    my ($answer, $doubt) = $self->insist($self->either('logout', POST => 'auth/logout', undef, $session->{access}));
    $self->expect($answer, 'logout', 200, $doubt ? 401 : ());
    $session->{state} = 'ended';
    $self->profile($session, 1);
    my ($refused) = $self->insist($self->either('refresh after logout', POST => 'auth/token/refresh', { refresh_token => $session->{refresh} }));
    $self->expect($refused, 'refresh after logout', 401);
}

1;
