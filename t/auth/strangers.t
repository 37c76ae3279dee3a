# What a stranger can do to an account, and what that leaves to its owner: at a place where the account is known and at a
# new one, for passwords, second factors, resets and registrations. Prints the table that it holds the server against.
#
# The stranger comes from one IPv4 address, then from one after the other, then from a /48 of IPv6, each time as long as
# guesses are answered. Time is moved in the database.
use strict;
use warnings;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use CloudEP::Totp;

my $server = own_server(
    pg => own_postgres(),
    values => { CloudEPCodeCooldown => 0, CloudEPCodesPerTarget => 0, CloudEPCodesPerTenant => 0, CloudEPCodesPerAddress => 0,
        CloudEPSweepInterval => 1 },
    with => ['LoadModule remoteip_module "' . CloudEP::Httpd::apxs('LIBEXECDIR') . '/mod_remoteip.so"', 'RemoteIPHeader X-Client',
        'RemoteIPInternalProxy 127.0.0.0/8'])->start;
my $proxy = client(server => $server);
my $tenant = tenant(server => $server);
my $slug = $tenant->{slug};
my ($NEW, $ONE) = ('192.0.2.77', '198.51.100.1');
my $auth = '/api/v1/auth';

sub post { my ($from, $path, %body) = @_; return $proxy->post("$auth/$path", { tenant_slug => $slug, %body }, $from ? ('X-Client' => $from) : ()) }

# ---- time, and what is left of waits

sub after { my ($seconds) = @_; return $server->psql("UPDATE cloudep.budgets SET blocked_until = blocked_until - :'n' * interval '1 s',"
            . " last_at = last_at - :'n' * interval '1 s'", n => $seconds) }

# The code in the newest mail that has one, of those that $ask causes; what strangers have caused is delivered before.
sub code_after {
    my ($email, $ask) = @_;
    my $with_code = sub { grep { ($_->{text} // '') =~ /(?<!\w)\d{6}(?!\w)/ } $server->mails_now($email) };
    wait_until(120, sub { !$server->value("SELECT count(*) FROM cloudep.outbox WHERE target = :'email' AND delivered_at IS NULL", email => $email) })
        or die "mails for $email are not delivered\n";
    my $before = () = $with_code->();
    my $answer = $ask->();
    return ($answer) if $answer->status != 200;
    wait_until(60, sub { $with_code->() > $before }) or die "no mail for $email\n";
    return ($answer, CloudEP::Mail::code(($with_code->())[-1]));
}

# ---- the four ways in: a wrong guess from somewhere, and all that the owner does to get in

# Wrong codes at a challenge that $ask gives, five at each.
sub guesser {
    my ($path, $ask, %body) = @_;
    my ($challenge, $left) = ('', 0);
    return sub {
        my ($from) = @_;
        if (!$left) {
            my $asked = $ask->($from);
            return $asked if $asked->status != 200;
            ($challenge, $left) = ($asked->data->{challenge_id} // $asked->data->{mfa_challenge_id}, 5);
        }
        $left--;
        my $answer = post($from, $path, challenge_id => $challenge, code => '000000', %body);
        $left = 0 if $answer->status == 404;
        return $answer;
    };
}

my %ways = (
    login => sub {
        my $owner = register_member(tenant => $tenant);
        return (
            sub { post($_[0], 'login', email => $owner->{email}, password => 'a wrong pass phrase') },
            sub { post($_[0], 'login', email => $owner->{email}, password => $owner->{password}) },
        );
    },
    'second factor' => sub {    # of a stranger who knows the password
        my $owner = totp_enroll(register_member(tenant => $tenant), $server);
        my $login = sub { post($_[0], 'login', email => $owner->{email}, password => $owner->{password}) };
        my $wrong = totp_wrong_code($owner->{totp});
        return (
            guesser('login/mfa', $login, code => $wrong),
            sub {
                my ($from) = @_;
                $server->psql("UPDATE cloudep.totp SET last_step = 0 WHERE uid = :'uid'", uid => $owner->{uid});
                my $asked = $login->($from);
                return $asked if $asked->status != 200;
                return post($from, 'login/mfa', challenge_id => $asked->data->{mfa_challenge_id}, code => totp_code($owner->{totp}));
            },
        );
    },
    reset => sub {
        my $owner = register_member(tenant => $tenant);
        my $forgot = sub { post($_[0], 'password/forgot', email => $owner->{email}) };
        return (
            guesser('password/reset', $forgot, new_password => fresh_password()),
            sub {
                my ($from) = @_;
                my ($asked, $code) = code_after($owner->{email}, sub { $forgot->($from) });
                return $asked if $asked->status != 200;
                return post($from, 'password/reset', challenge_id => $asked->data->{challenge_id}, code => $code, new_password => fresh_password());
            },
        );
    },
    registration => sub {    # nobody is known anywhere yet
        my $email = fresh_email();
        my %typed = (email => $email, password => fresh_password(), invite_code => $tenant->{invite}, accept_terms_version => '1');
        post(undef, 'register', %typed)->status == 200 or die "no registration\n";
        my $resume = sub { post($_[0], 'register/resume', %typed) };
        return (
            guesser('register/confirm', $resume),
            sub {
                my ($from) = @_;
                my ($asked, $code) = code_after($email, sub { $resume->($from) });
                return $asked if $asked->status != 200;
                return post($from, 'register/confirm', challenge_id => $asked->data->{challenge_id}, code => $code);
            },
        );
    },
);

# Guesses until one is not answered; addresses by the number of the guess. How many were, and the seconds to wait.
sub guess_on {
    my ($guess, $address) = @_;
    my $answered = 0;
    while ($answered < 200) {
        my $answer = $guess->($address->($answered));
        return ($answered, $answer->header('Retry-After')) if $answer->status == 429;
        die 'a guess: ', $answer->raw, "\n" if $answer->status !~ /^(?:401|403|404)$/;
        $answered++ if $answer->status != 404;    # a challenge that is gone compares nothing
    }
    return ($answered, 0);
}

# How long the owner has to wait there until it works: 0 at once.
sub seconds_until_in {
    my ($right, $from) = @_;
    my $waited = 0;
    for (1 .. 5) {
        my $answer = $right->($from);
        return $waited if $answer->status == 200;
        return $answer->raw if $answer->status != 429;
        $waited += $answer->header('Retry-After');
        after($answer->header('Retry-After'));
    }
    return 'never';
}

sub near { my ($got, $want) = @_; return $got =~ /^\d+$/ && $got <= $want && $got >= $want - 15 }

# ---- the table

my @columns = ('one address', 'then waits', 'more addresses', 'then waits', 'a /48 then', 'a /48 alone', 'then waits', 'owner known', 'owner new', 'a day after');
my %table;
for my $way ('login', 'second factor', 'reset', 'registration') {
    $server->psql('DELETE FROM cloudep.budgets');
    my ($alone) = $ways{$way}->();
    my @of_48 = guess_on($alone, sub { sprintf '2001:db8:78:%x::1', $_[0] * 7 });
    $server->psql('DELETE FROM cloudep.budgets');
    my ($guess, $right) = $ways{$way}->();
    my @row = guess_on($guess, sub { $ONE });
    push @row, guess_on($guess, sub { '203.0.113.' . (1 + $_[0] % 200) });
    push @row, (guess_on($guess, sub { sprintf '2001:db8:77:%x::1', $_[0] * 7 }))[0], @of_48;

    # At home first, unless that ends what makes it home; the new place sees the same row of strangers.
    my %in;
    $in{known} = $way eq 'registration' ? '-' : seconds_until_in($right, undef) if $way ne 'reset';
    $in{new} = seconds_until_in($right, $NEW);
    if ($way eq 'reset') {
        my ($again, $right_again) = $ways{$way}->();
        $server->psql('DELETE FROM cloudep.budgets');
        guess_on($again, sub { '203.0.113.' . (1 + $_[0] % 200) });
        $in{known} = seconds_until_in($right_again, undef);
        $guess = $again;
    }
    push @row, @in{qw(known new)};

    # Strangers who have gone on for long have one guess a day.
    if ($way ne 'registration') {
        $guess->('203.0.113.250');
        $server->psql("UPDATE cloudep.budgets SET failures = 130, blocked_until = now() + interval '24 hours' WHERE network = ''");
        after(86_400);
        push @row, (guess_on($guess, sub { '203.0.113.' . (201 + $_[0]) }))[0];
    }
    else { push @row, '-' }
    $table{$way} = \@row;
}
note(sprintf '%-14s ' . ' %-14s' x @columns, '', @columns);
note(sprintf '%-14s ' . ' %-14s' x @columns, $_, @{ $table{$_} }) for sort keys %table;

my %expected = (
    login => [50, 1, 50, 60, 0, 100, 60, 0, 60, 1],
    'second factor' => [50, 1, 50, 60, 0, 100, 60, 0, 60, 1],
    reset => [50, 1, 50, 60, 0, 100, 60, 0, 60, 1],
    registration => [50, 1, 50, 60, 0, 100, 60, '-', 60, '-'],
);
for my $way (sort keys %expected) {
    for my $i (0 .. $#columns) {
        my ($got, $want) = ($table{$way}[$i], $expected{$way}[$i]);
        ok($got eq $want || $want eq '60' && near($got, 60), "$way: $columns[$i]: $want") or diag($got);
    }
}

# ---- the sweep tells owners whose budget strangers have used up, once, and forgets what is old
my $owner = register_member(tenant => $tenant);
$server->psql('DELETE FROM cloudep.budgets');
guess_on(sub { post($_[0], 'login', email => $owner->{email}, password => 'a wrong pass phrase') }, sub { '203.0.113.' . (1 + $_[0] % 200) });
my ($told) = grep { $_->{headers}{subject} =~ /trying to get into your account/ } $server->mails($owner->{email}, 2);
like($told->{text} // '', qr/from places where you have not been/, 'the owner is told by mail');
is($server->value("SELECT string_agg(notice, ' ') FROM cloudep.budgets WHERE subject = :'uid'", uid => $owner->{uid}), 'told', 'and noted as told');
$server->psql("UPDATE cloudep.budgets SET blocked_until = now(), last_at = now() - interval '31 days'");
ok(wait_until(30, sub { !$server->value('SELECT count(*) FROM cloudep.budgets') }), 'what is old enough is forgotten');

finish();
