# A password that is no good any more opens nothing: whoever knows the old one logs in again and again while the owner
# resets it, and afterwards has no session. The same for changes of the password, for logins that wait for their second
# factor, and for suspensions; each once more with the decisive moment held still by a row lock.
#
# CLOUDEP_RESETS=50 is the long form.
use strict;
use warnings;
use CloudEP::Load;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;
use CloudEP::Totp;
use CloudEP::Zitadel;

my $RESETS = $ENV{CLOUDEP_RESETS} // 10;
my $THREADS = 6;
my %values = (CloudEPCodeCooldown => 0, CloudEPKnownGuesses => 1_000_000, CloudEPUnknownGuesses => 1_000_000, CloudEPAddressAttempts => 0, CloudEPCodesPerAddress => 0,
    CloudEPCodesPerTenant => 0, CloudEPLockTimeout => 20000, CloudEPStatementTimeout => 30000);

our $server;    # that the functions below talk to
sub live { my ($member) = @_; return $server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NULL", uid => $member->{uid}) }
sub change { my ($table, $change, $member) = @_; return "UPDATE cloudep.$table SET $change WHERE uid = '$member->{uid}'" }
my $ENDS = 'generation = generation + 1, sessions_from = generation + 1, generation_at = clock_timestamp()';

# A code to reset the password with, after $mails mails.
sub forgot {
    my ($member, $mails) = @_;
    my $answer = $member->{client}->post('/api/v1/auth/password/forgot', { tenant_slug => $member->{slug}, email => $member->{email} });
    $answer->status == 200 or die $answer->raw;
    my @about = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($member->{email}, $mails // 2);
    return ($answer->data->{challenge_id}, secret(CloudEP::Mail::code($about[-1])));
}

sub reset_by {
    my ($member, $challenge, $code, $password) = @_;
    return $member->{client}->post('/api/v1/auth/password/reset', { tenant_slug => $member->{slug}, challenge_id => $challenge,
            code => $code, new_password => $password // fresh_password() });
}

# Logs in with the old password from $THREADS processes while $during->() works. Returns the last tokens of each.
sub besiege {
    my ($member, $during) = @_;
    my $load = CloudEP::Load->new($server->{dir});
    unlink $load->{stop}, glob "$load->{counts}.*";
    for my $thread (1 .. $THREADS) {
        $load->start($thread => sub {
                my ($count) = @_;
                my $answer = login($member);
                $count->{ $answer->status == 200 ? 'answered' : $answer->status == 401 ? 'refused' : 'wrong' }++;
                warn $answer->raw if $answer->status != 200 && $answer->status != 401;
                spew("$load->{counts}-token.$thread", $answer->data->{access_token}) if $answer->status == 200;
        });
    }
    CloudEP::Process::wait_until(30, sub { $THREADS == grep { -e "$load->{counts}-token.$_" } 1 .. $THREADS }) or die 'nobody got in before';
    $during->();
    my $sum = $load->end;
    my @tokens = map { slurp($_) } glob "$load->{counts}-token.*";
    unlink glob "$load->{counts}-token.*";
    return ($sum, @tokens);
}

sub resets_end_sessions {
    my ($what, $tenant) = @_;
    my ($live, $alive, $answered, $wrong) = (0) x 4;
    for (1 .. $RESETS) {
        my $member = register_member(tenant => $tenant);
        my ($challenge, $code) = forgot($member);
        my ($sum, @tokens) = besiege($member, sub { reset_by($member, $challenge, $code)->status == 200 or die 'the reset failed' });
        $live += live($member);
        $alive += grep { $member->{client}->with(token => $_)->get('/api/v1/members/me')->status != 401 } @tokens;
        $answered += $sum->{answered};
        $wrong += $sum->{wrong} + $sum->{lost};
    }
    cmp_ok($answered, '>=', $RESETS * $THREADS, "$what: the old password let in before each of $RESETS resets ($answered times)");
    is($live, 0, "$what: no session is left after them");
    is($alive, 0, "$what: no token of the last logins is good");
    is($wrong, 0, "$what: all other logins were refused as wrong");
}

# ---- provider local
local $server = own_server(values => \%values)->start;
my $tenant = tenant(server => $server);
resets_end_sessions('local', $tenant);

# ---- a session that is being committed while the reset waits for the member's row
my $member = register_member(tenant => $tenant);
my ($challenge, $code) = forgot($member);
my $held = $server->pg->hold(3, "SELECT 1 FROM cloudep.members WHERE uid = '$member->{uid}' FOR SHARE;"
        . ' INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at, expires_at)'
        . " SELECT tenant_id, gen_random_uuid(), uid, generation, 'pwd', now() + interval '1 hour', now() + interval '1 hour'"
        . " FROM cloudep.members WHERE uid = '$member->{uid}'");
outcome(reset_by($member, $challenge, $code), 200, 102000, 'a reset that waits for a login to commit its session');
waitpid $held, 0;
is(live($member), 0, 'has ended that session, too');

# ---- a code proves an address, so the address has to be the member's still when the password is stored
$member = register_member(tenant => $tenant);
($challenge, $code) = forgot($member);
my $elsewhere = fresh_email();
$held = $server->pg->hold(3, change(members => "email = '$elsewhere'", $member));
outcome(reset_by($member, $challenge, $code), 404, 29301000, 'a reset while the address becomes another one');
waitpid $held, 0;
outcome(login($member, email => $elsewhere), 200, 102000, 'has not changed the password');
outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'nor ended a session');

# ---- a login whose password was right when it was compared
$member = register_member(tenant => $tenant);
for my $case (['another credential', 'generation = generation + 1', 401, 28501000, 'credentials_changed'],
    ['a change that ends sessions', $ENDS, 401, 28501000, 'credentials_changed'],
    ['a suspension', "status = 'suspended'", 403, 28505000, 'login_refused']) {
    my ($what, $change, $status, $code, $reason) = @$case;
    $held = $server->pg->hold(3, change(members => $change, $member));
    my $answer = outcome(login($member), $status, $code, "a login beside $what");
    is($answer->json->{reason}, $reason, 'says what has become of it');
    waitpid $held, 0;
}
is($server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid'", uid => $member->{uid}), 1, 'none of them opened a session');
$server->psql(change(members => "status = 'active'", $member));
my $next = outcome(login($member), 200, 102000, 'the next login does')->data;
$member->{client} = $member->{client}->with(token => $next->{access_token});

# ---- a login that waits for its second factor
totp_enroll($member, $server);
my $begin = sub { login($member)->data->{mfa_challenge_id} // die 'no second factor was asked for' };
my $finish = sub { $member->{client}->post('/api/v1/auth/login/mfa', { tenant_slug => $member->{slug}, challenge_id => $_[0],
            code => $member->{backup}[$_[1]] }) };
my $waiting = $begin->();
$server->psql(change(members => $ENDS, $member));
outcome($finish->($waiting, 0), 404, 28301000, 'a second factor after the password was changed');
$waiting = $begin->();
$held = $server->pg->hold(3, change(members => $ENDS, $member));
outcome($finish->($waiting, 0), 404, 28301000, 'a second factor while the password is being changed');
waitpid $held, 0;
$waiting = $begin->();
$held = $server->pg->hold(3, change(members => "status = 'suspended'", $member));
outcome($finish->($waiting, 0), 403, 28505000, 'a second factor while the member is being suspended');
waitpid $held, 0;
$server->psql(change(members => "status = 'active'", $member));
outcome($finish->($begin->(), 0), 200, 102000, 'none of them has used the backup code up');

# ---- enrolling a second factor and a login that began without one
my $single = register_member(tenant => $tenant);
my $url = $single->{client}->post('/api/v1/members/me/totp/enroll-start')->data->{otpauth_url};
secret(totp_secret_text($url));
$held = $server->pg->hold(3, "SELECT 1 FROM cloudep.members WHERE uid = '$single->{uid}' FOR UPDATE");
my @answers = $single->{client}->parallel(
    ['POST', '/api/v1/members/me/totp/enroll-confirm', { code => totp_code(totp_secret($url)) }],
    (['POST', '/api/v1/auth/login', { tenant_slug => $single->{slug}, email => $single->{email}, password => $single->{password} }]) x 3);
waitpid $held, 0;
is($answers[0]->status, 200, 'TOTP is enrolled beside three logins');
is($server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND opened_with = 'password' AND generation >="
            . " (SELECT generation FROM cloudep.members WHERE uid = :'uid')", uid => $single->{uid}), 0, 'no login without it opened a session after that');

# ---- 64 clients: a change of the password against logins with the old one
my $changer = register_member(tenant => $tenant);
for my $round (1 .. 3) {
    my $new = fresh_password();
    my $old_login = ['POST', '/api/v1/auth/login', { tenant_slug => $tenant->{slug}, email => $changer->{email}, password => $changer->{password} }];
    @answers = $changer->{client}->parallel((($old_login) x 32), ['POST', '/api/v1/members/me/password',
            { current_password => $changer->{password}, new_password => $new }], (($old_login) x 31));
    my $done = $answers[32];
    my %count;
    $count{ $_->status . ' ' . ($_->code // '') }++ for @answers[0 .. 31, 33 .. 63];
    is($done->status, 200, "round $round: the password is changed beside 63 logins") or diag($done->raw);
    is_deeply([grep { !/^(?:200 102000|401 28501000|503 28603000)$/ } sort keys %count], [], 'which get in or are refused') or diag(explain \%count);
    is(live($changer), 1, 'one session is left');
    outcome($changer->{client}->get('/api/v1/members/me'), 200, 102000, 'that of the change');
    is(scalar(grep { $_->status == 200 && $changer->{client}->with(token => $_->data->{access_token})->get('/api/v1/members/me')->status != 401 }
                @answers[0 .. 31, 33 .. 63]), 0, 'and no other');
    $changer->{password} = $new;
}

# 64 changes at once: each has the right password, one counts.
my @new = map { fresh_password() } 1 .. 64;
@answers = $changer->{client}->parallel(map { ['POST', '/api/v1/members/me/password',
            { current_password => $changer->{password}, new_password => $_ }] } @new);
my @won = grep { $answers[$_]->status == 200 } 0 .. $#answers;
is(scalar @won, 1, 'of 64 changes at once one is made');
is(scalar(grep { $_->status !~ /^(?:200|403|409|503)$/ } @answers), 0, 'the others are told why not');
outcome(login($changer, password => $new[$won[0]]), 200, 102000, 'and that one is the password');
expect_log(qr/CE101: .* failed \(overload\)/);

# ---- provider zitadel
my $zitadel = zitadel();
$server = zitadel_server($zitadel, values => { %values, CloudEPZitadelConnections => 16 });
resets_end_sessions('zitadel', zitadel_tenant($server, $zitadel));

finish();
