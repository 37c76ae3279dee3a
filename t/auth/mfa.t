# Login with a second factor: no token before it, every wrong way in, guesses counted for account and challenge, each
# proof and each challenge good once.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Test;
use CloudEP::Totp;

my $mfa = '/api/v1/auth/login/mfa';
my $server = server;
my $member = register_member();
my $anybody = client;

sub claims { return (CloudEP::Jwt::parts($_[0]))[1] }

# A challenge of a login with the right password.
sub challenge {
    my ($who) = @_;
    my $answer = login($who // $member);
    return $answer->data->{mfa_challenge_id} // die 'no second factor was asked for: ', $answer->body, "\n";
}

sub body {
    my ($challenge, $code, %fields) = @_;
    return { tenant_slug => $member->{slug}, challenge_id => $challenge, code => $code, %fields };
}

sub try { my (@body) = @_; return $anybody->post($mfa, body(@body)) }

# ---- asked for or not

ok(login($member)->data->{access_token}, 'without TOTP the password is enough');
my $me = '/api/v1/members/me/totp';
my $url = $member->{client}->post("$me/enroll-start")->data->{otpauth_url};
secret(totp_secret_text($url));
ok(login($member)->data->{access_token}, 'an enrolment that is not confirmed asks for nothing');
my $secret = totp_secret($url);
my $enrolled_with = totp_code($secret);
my $backup = $member->{client}->post("$me/enroll-confirm", { code => $enrolled_with })->data->{backup_codes};
my $asked = outcome(login($member), 200, 102000, 'then it is not')->data;
is_deeply([sort keys %$asked], [qw(mfa_challenge_id mfa_expires_in mfa_methods mfa_required)], 'there is no token yet');
ok($asked->{mfa_required} && $asked->{mfa_expires_in} > 590 && $asked->{mfa_expires_in} <= 600, 'a member with TOTP gets a challenge for ten minutes');
outcome(login($member, password => 'not-the-password'), 401, 28501000, 'nobody is asked who does not know the password');

# ---- what is not let in

my $challenge = $asked->{mfa_challenge_id};
outcome($anybody->post($mfa, {}), 400, 10104000, 'fields are missing');
outcome(try($challenge, $_), 400, 10101000, 'not a code: ' . length($_) . ' characters')
    for '12345', '1234567', '123456789', '12345x';
outcome(try($challenge, '123456', tenant_slug => 'no-such-tenant'), 404, 29301000, 'no such tenant');
outcome(try('A' x 22, '123456'), 404, 28301000, 'no such challenge');
outcome(try($challenge, $enrolled_with), 403, 28505000, 'the code of the enrolment is burned');
outcome(try($challenge, totp_wrong_code($secret)), 403, 28505000, 'a wrong code');
outcome(try($challenge, $backup->[0] =~ tr/0-9/1-90/r), 403, 29505000, 'a wrong backup code');
my $other = tenant();
outcome(try($challenge, totp_code($secret, 1), tenant_slug => $other->{slug}), 403, 28505000, 'a challenge of another tenant');
my ($pending) = register(tenant => $member->{tenant});
outcome(try($pending->data->{challenge_id}, totp_code($secret, 1)), 403, 28505000, 'a challenge for something else');
my $confirm = '/api/v1/auth/register/confirm';
outcome($anybody->post($confirm, body($challenge, '123456')), 403, 28505000, 'a challenge of a login serves no other operation');

# ---- what is

my $next = totp_code($secret, 1);
my $tokens = outcome(try($challenge, substr($next, 0, 3) . ' ' . substr $next, 3), 200, 102000,
    'the next code, with a space in it')->data;
is_deeply(claims($tokens->{access_token})->{amr}, [qw(pwd otp mfa)], 'the token tells how it was earned');
is($member->{client}->with(token => $tokens->{access_token})->get('/api/v1/members/me')->status, 200, 'the access token is good');
is($anybody->post('/api/v1/auth/token/refresh', { refresh_token => $tokens->{refresh_token} })->status, 200,
    'the refresh token is good');
outcome(try($challenge, totp_code($secret, 1)), 404, 28301000, 'the challenge is used up');
outcome(try(challenge(), $next), 403, 28505000, 'the code as well');
totp_rewind($server, $member);
outcome($anybody->post($mfa, body(challenge(), $backup->[0])), 200, 102000, 'a backup code');
is_deeply(claims(try(challenge(), $backup->[1])->data->{access_token})->{amr}, [qw(pwd mfa)], 'tells the same way');
outcome(try(challenge(), $backup->[0]), 403, 29505000, 'a backup code serves once');
my @used = grep { $_->{text} =~ /\b[89]\b/ } $server->mails($member->{email}, 4);
is(scalar(@used), 2, 'each use is mailed');
is($member->{client}->get($me)->data->{backup_codes_remaining}, 8, 'used backup codes are counted');

# ---- many at once

totp_rewind($server, $member);
my @challenges = map { challenge() } 1 .. 32;
my @answers = $anybody->parallel(map { ['POST', $mfa, body($_, totp_code($secret))] } @challenges, @challenges);
is(scalar(grep { $_->status == 200 } @answers), 1, '64 logins with one TOTP code at once: one success');
totp_rewind($server, $member);
@answers = $anybody->parallel(map { ['POST', $mfa, body($_, $backup->[2])] } map { challenge() } 1 .. 64);
is(scalar(grep { $_->status == 200 } @answers), 1, '64 logins with one backup code at once: one success');
totp_rewind($server, $member);
$challenge = challenge();
@answers = $anybody->parallel(map { ['POST', $mfa, body($challenge, $_)] } totp_code($secret, -1), totp_code($secret),
    totp_code($secret, 1), @{$backup}[3, 4]);
is(scalar(grep { $_->status == 200 } @answers), 1, 'one challenge with five right codes at once: one success');

# ---- guessing

totp_rewind($server, $member);
$challenge = challenge();
outcome(try($challenge, totp_wrong_code($secret)), 403, 28505000, "guess $_ of one challenge") for 1 .. 5;
outcome(try($challenge, totp_code($secret)), 404, 28301000, 'the challenge is gone after five');
$challenge = challenge();
outcome(try($challenge, totp_wrong_code($secret)), 403, 28505000, "guess $_ of the next") for 7 .. 10;
my $wait = outcome(try($challenge, totp_code($secret)), 429, 28604000, 'a new challenge is no new budget: the account has to wait');
ok($wait->header('retry-after') > 0 && $wait->header('retry-after') <= 60, 'the wait is not for long');
outcome($member->{client}->post("$me/verify", { code => totp_code($secret) }), 429, 29604000, 'the wait holds at totp/verify too');
$server->psql("UPDATE cloudep.budgets SET blocked_until = now() WHERE subject = :'uid'", uid => $member->{uid});
outcome(try($challenge, totp_code($secret)), 200, 102000, 'after the wait the same challenge lets in');
is($server->value("SELECT count(*) FROM cloudep.budgets WHERE kind = 'factor' AND subject = :'uid'", uid => $member->{uid}), 0,
    'a right code forgets the failures');
totp_rewind($server, $member);
@challenges = map { challenge() } 1 .. 16;
@answers = $anybody->parallel(map { my $id = $_; map { ['POST', $mfa, body($id, totp_wrong_code($secret))] } 1 .. 4 } @challenges);
is(scalar(grep { $_->status == 403 } @answers), 10, 'of 64 wrong codes for 16 challenges at once ten are compared');

# ---- a wrong backup code counts for the client's network, as a wrong password does
totp_rewind($server, $member);
$challenge = challenge();
outcome($anybody->with(address => '127.77.1.2')->post($mfa, body($challenge, '00000000')), 403, 29505000, 'a wrong backup code from elsewhere');
is($server->value("SELECT failures FROM cloudep.budgets WHERE kind = 'network' AND network = '127.77.1.2'"), 1, 'is counted for its address');

# ---- one client that guesses at many accounts

totp_rewind($server, $member);
my $tenant = tenant();
my @crowd = map { totp_enroll(register_member(tenant => $tenant)) } 1 .. 6;
my $patient = own_server(values => { CloudEPAddressWait => 20 })->start;
my $own_address = client(server => $patient, address => '127.77.1.1');
my @statuses;
for my $one (@crowd) {
    my $id = login($one)->data->{mfa_challenge_id};
    my $again = login($one)->data->{mfa_challenge_id};
    push @statuses, map { $own_address->post($mfa, { tenant_slug => $tenant->{slug}, challenge_id => $_,
                code => totp_wrong_code($one->{totp}) })->status } ($id) x 5, ($again) x 4;
}
is(scalar(grep { $_ == 403 } @statuses), 50, 'an address has fifty wrong codes, whosever they are');
$wait = outcome($own_address->post($mfa, { tenant_slug => $tenant->{slug}, challenge_id => login($crowd[5])->data->{mfa_challenge_id},
            code => totp_code($crowd[5]{totp}, 1) }), 429, 28604000, 'after too many failures the address has to wait');
ok($wait->header('retry-after') <= 20, 'the wait is the address\'s, not the account\'s');

# ---- what changed between password and second factor

totp_rewind($server, $member);
my $set = sub { $server->psql("UPDATE cloudep.$_[0] SET $_[1] WHERE $_[2] = :'id'", id => $_[3]) };
$challenge = challenge();
$set->('members', "status = 'suspended'", 'uid', $member->{uid});
outcome(try($challenge, totp_code($secret)), 403, 28505000, 'a member suspended meanwhile');
$set->('members', "status = 'active'", 'uid', $member->{uid});
$set->('tenants', 'login = false', 'slug', $member->{slug});
outcome(try($challenge, totp_code($secret)), 403, 28505000, 'a tenant closed meanwhile');
$set->('tenants', 'login = true', 'slug', $member->{slug});
$challenge = challenge();
$server->psql("UPDATE cloudep.sessions SET mfa_at = now() WHERE uid = :'id'", id => $member->{uid});
outcome($member->{client}->delete($me), 200, 102000, 'TOTP is removed');
outcome(try($challenge, totp_code($secret, 1)), 404, 28301000, 'TOTP removed meanwhile: log in again');
ok(login($member)->data->{access_token}, 'after the removal of TOTP the password is enough');

finish();
