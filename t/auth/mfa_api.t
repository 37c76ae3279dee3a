# The MFA API (t/mfa.tsv): the same authenticator as that of /members/me/totp, its own paths, words and codes.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Test;
use CloudEP::Totp;

my $mfa = '/api/v1/auth/mfa';
my $totp = '/api/v1/members/me/totp';
my $server = server;
my $member = register_member();
my $client = $member->{client};
my $anybody = client;

sub reason { $_[0]->json->{reason} }

# The last second factor, and the session as such, are older than any freshness.
sub age {
    my ($who) = @_;
    $server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 day', mfa_at = now() - interval '1 day',"
            . " fresh_at = NULL WHERE uid = :'uid'", uid => $who->{uid});
}

# ---- without a token

outcome($anybody->post("$mfa/$_", {}), 401, 28501000, "$_ takes a token")
    for qw(setup verify disable backup-codes backup-codes/verify);
outcome($anybody->get("$mfa/status"), 401, 28501000, 'so does status');

# ---- before

is_deeply(outcome($client->get("$mfa/status"), 200, 102000, 'the status before')->data,
    { enabled => JSON::PP::false, digits => 6, period_seconds => 30, backup_codes_remaining => 0 }, 'says that there is none');
is(reason(outcome($client->post("$mfa/verify", { code => '123456' }), 400, 28101000, 'no enrolment is under way')),
    'enrolment_unknown', 'is told as such');
outcome($client->post("$mfa/backup-codes"), 409, 29309000, 'no backup codes to renew');
outcome($client->post("$mfa/backup-codes/verify", { code => '12345678' }), 409, 29309000, 'nor to use');
outcome($client->post("$mfa/disable", { password => $member->{password} }), 200, 102000,
    'disabling what is not there is no fault');
outcome($client->post("$mfa/disable", { code => '123456' }), 200, 102000, 'by whatever code');
outcome($client->post("$mfa/disable", { password => 'not-the-password' }), 400, 28101000, 'but a wrong password is told');

# ---- setup and verify

age($member);
outcome($client->post("$mfa/setup"), 403, 29505001, 'setup takes a fresh proof');
outcome($client->post('/api/v1/auth/reauthenticate', { password => $member->{password} }), 200, 102000, 'which the password is');
my $setup = outcome($client->post("$mfa/setup"), 200, 102000, 'then it begins')->data;
is_deeply([sort keys %$setup],
    [qw(account digits expires_in issuer otpauth_url period_seconds qr_url secret)], 'with all that an app needs');
is($setup->{secret}, totp_secret_text($setup->{otpauth_url}), 'the secret in base32 is that of the URL');
is_deeply([@{$setup}{qw(issuer account digits period_seconds expires_in)}],
    ["Tenant $member->{slug}", $member->{email}, 6, 30, 600], 'the rest is as the members have it');
is($client->get($setup->{qr_url})->status, 200, 'the picture is where qr_url says');
my $secret = totp_secret($setup->{otpauth_url});
outcome($client->post("$mfa/verify", {}), 400, 28104000, 'a code is needed');
outcome($client->post("$mfa/verify", { code => $_ }), 400, 10101000, "of six digits, not $_") for '12345', '12345678';
is(reason(outcome($client->post("$mfa/verify", { code => totp_wrong_code($secret) }), 400, 28101000, 'a wrong code')),
    'totp_wrong', 'is told as such');
my $backup = outcome($client->post("$mfa/verify", { code => totp_code($secret) }), 200, 102000, 'the right one')
    ->data->{backup_codes};
is(scalar(grep { /^\d{8}$/ } @$backup), 10, 'ten backup codes of eight digits');
ok($client->get($totp)->data->{enrolled}, 'it is the state of /members/me/totp');
outcome($client->post("$mfa/setup"), 409, 29303000, 'enrolled: no second setup');
outcome($client->post("$mfa/verify", { code => totp_code($secret, 1) }), 409, 29303000, 'nor a second verify');
my $status = outcome($client->get("$mfa/status"), 200, 102000, 'the status after')->data;
ok(abs(delete($status->{enrolled_at}) - 1000 * time) < 60_000, 'tells when, in milliseconds');
is_deeply($status, { enabled => JSON::PP::true, digits => 6, period_seconds => 30, backup_codes_remaining => 10 }, 'and what');

# ---- guesses at an enrolment

my $guesser = register_member();
my $pending = totp_secret($guesser->{client}->post("$mfa/setup")->data->{otpauth_url});
my @answers = $guesser->{client}->parallel(map { ['POST', "$mfa/verify", { code => totp_wrong_code($pending) }] } 1 .. 64);
is(scalar(grep { $_->status == 400 } @answers), 10, 'of 64 wrong codes at once ten are compared');
my $wait = outcome($guesser->{client}->post("$mfa/verify", { code => totp_code($pending) }), 429, 28604000,
    'then the right one has to wait');
ok($wait->header('retry-after') > 0, 'as long as Retry-After says');
outcome($guesser->{client}->post("$totp/enroll-confirm", { code => totp_code($pending) }), 429, 29604000,
    'at enroll-confirm, too');
totp_rewind($server, $guesser);
outcome($guesser->{client}->post("$mfa/verify", { code => totp_wrong_code($pending) }), 400, 28101000, 'after it a wrong one');
outcome($guesser->{client}->post("$mfa/verify", { code => totp_code($pending) }), 200, 102000, 'and the right one');
is($server->value("SELECT count(*) FROM cloudep.budgets WHERE subject = :'uid'", uid => $guesser->{uid}), 0,
    'which forgets the wrong ones');

# ---- backup codes

outcome($client->post("$mfa/backup-codes/verify", {}), 400, 28104000, 'a code is needed');
outcome($client->post("$mfa/backup-codes/verify", { code => totp_code($secret, 1) }), 400, 10101000, 'a TOTP code is none');
is(reason(outcome($client->post("$mfa/backup-codes/verify", { code => $backup->[0] =~ tr/0-9/1-90/r }), 400, 28101000,
            'a wrong one')), 'backup_code_wrong', 'is told as such');
age($member);
outcome($client->post("$mfa/backup-codes"), 403, 29505001, 'renewing them takes a fresh second factor');
outcome($client->post("$mfa/backup-codes/verify", { code => $backup->[0] }), 200, 102000, 'which a backup code is');
outcome($client->post("$mfa/backup-codes/verify", { code => $backup->[0] }), 400, 28101000, 'once');
is($client->get("$mfa/status")->data->{backup_codes_remaining}, 9, 'it is used up');
is($server->value("SELECT mfa_method FROM cloudep.sessions WHERE uid = :'uid' AND mfa_at > now() - interval '1 minute'",
        uid => $member->{uid}), 'backup_code', 'it is this session\'s second factor');
my $renewed = outcome($client->post("$mfa/backup-codes"), 200, 102000, 'then they are renewed')->data->{backup_codes};
outcome($client->post("$mfa/backup-codes/verify", { code => $backup->[1] }), 400, 28101000, 'the old ones are dead');
@answers = $client->parallel((['POST', "$mfa/backup-codes/verify", { code => $renewed->[0] }]) x 64);
is(scalar(grep { $_->status == 200 } @answers), 1, '64 uses of one backup code at once: one success');
totp_rewind($server, $member);
@answers = $client->parallel(map { ['POST', "$mfa/backup-codes/verify", { code => $backup->[2] }] } 1 .. 64);
is(scalar(grep { $_->status == 400 } @answers), 10, 'of 64 wrong ones ten are compared');
outcome($client->post("$mfa/backup-codes/verify", { code => $renewed->[1] }), 429, 28604000, 'then a right one has to wait');
outcome($client->post("$mfa/disable", { code => $renewed->[1] }), 429, 28604000, 'at disable, too');
totp_rewind($server, $member);

# ---- a login by challenge_id and mfa_code

my $login = '/api/v1/auth/login';
my $challenge = login($member)->data->{mfa_challenge_id};

sub try { return $anybody->post($login, { challenge_id => $challenge, mfa_code => $_[0], @_[1 .. $#_] }) }

outcome($anybody->post($login, { challenge_id => $challenge }), 400, 10104000, 'a challenge alone is not enough');
my $mixed = outcome($anybody->post($login, { challenge_id => $challenge, mfa_code => '123456', email => $member->{email},
            password => $member->{password} }), 400, 10101000, 'nor does it go with email and password');
is_deeply([map { "$_->{field} $_->{rule}" } @{ $mixed->errors }], ['email not_allowed', 'password not_allowed'],
    'which the answer names');
outcome(try('1234567'), 400, 10101000, 'seven digits are no code');
outcome(try(totp_wrong_code($secret)), 403, 28505000, 'a wrong code');
outcome(try($backup->[3]), 403, 29505000, 'a wrong backup code');
outcome(try('123456', tenant_slug => 'no-such-tenant'), 404, 29301000, 'no such tenant');
outcome(try(totp_code($secret, 1), tenant_slug => tenant()->{slug}), 404, 29301000, 'a tenant that is not the login\'s');
outcome($anybody->post($login, { challenge_id => 'A' x 22, mfa_code => '123456' }), 404, 28301000, 'no such challenge');
my ($registered) = register(tenant => $member->{tenant});
outcome($anybody->post($login, { challenge_id => $registered->data->{challenge_id}, mfa_code => '123456' }), 403, 28505000,
    'a challenge for something else');
totp_rewind($server, $member);
my $tokens = outcome(try(totp_code($secret)), 200, 102000, 'the right code, without a tenant')->data;
is_deeply((CloudEP::Jwt::parts($tokens->{access_token}))[1]{amr}, [qw(pwd otp mfa)], 'gives tokens of both factors');
outcome(try(totp_code($secret, 1)), 404, 28301000, 'the challenge is used up');
$challenge = login($member)->data->{mfa_challenge_id};
outcome(try($renewed->[1], tenant_slug => $member->{slug}), 200, 102000, 'a backup code, with the tenant');
outcome($anybody->post($login, { challenge_id => '', tenant_slug => $member->{slug}, email => $member->{email},
            password => $member->{password} }), 200, 102000, 'an empty challenge_id is none');
totp_rewind($server, $member);
my @challenges = map { login($member)->data->{mfa_challenge_id} } 1 .. 3;
$anybody->parallel(map { my $id = $_; map { ['POST', $login, { challenge_id => $id, mfa_code => totp_wrong_code($secret) }] } 1 .. 5 }
        @challenges);
$challenge = login($member)->data->{mfa_challenge_id};
outcome(try(totp_code($secret)), 429, 28604000, 'after ten wrong codes the account has to wait');
totp_rewind($server, $member);

# ---- disable

outcome($client->post("$mfa/disable", {}), 400, 28104000, 'neither password nor code');
outcome($client->post("$mfa/disable", { code => '1234567' }), 400, 10101000, 'seven digits are no code');
age($member);
outcome($client->post("$mfa/disable", { password => $member->{password} }), 403, 29505001,
    'without a fresh second factor the password is not enough');
is(reason(outcome($client->post("$mfa/disable", { password => $member->{password}, code => totp_wrong_code($secret) }), 400,
            28101000, 'nor with a wrong code')), 'totp_wrong', 'which is what is told');
outcome($client->post("$mfa/disable", { code => totp_wrong_code($secret) }), 400, 28101000, 'a wrong code alone');
ok($client->get("$mfa/status")->data->{enabled}, 'so far nothing is disabled');
outcome($client->post("$mfa/disable", { password => 'not-the-password', code => totp_code($secret) }), 200, 102000,
    'the right code is enough, whatever the password');
is_deeply(outcome($client->get("$mfa/status"), 200, 102000, 'the status at the end')->data,
    { enabled => JSON::PP::false, digits => 6, period_seconds => 30, backup_codes_remaining => 0 }, 'says that all is gone');
ok(login($member)->data->{access_token}, 'a login asks for nothing more');

for my $way ('a right password', 'a right password beside a wrong code', 'a backup code') {
    my $one = totp_enroll(register_member(), $server);
    age($one);
    outcome($one->{client}->post("$mfa/backup-codes/verify", { code => $one->{backup}[0] }), 200, 102000, "$way: a second factor");
    is(reason(outcome($one->{client}->post("$mfa/disable", { password => 'not-the-password' }), 400, 28101000,
                "$way: a wrong password")), 'password_wrong', 'is told as such');
    my %body = $way =~ /password/ ? (password => $one->{password}) : (code => $one->{backup}[1]);
    $body{code} = totp_wrong_code($one->{totp}) if $way =~ /beside/;
    outcome($one->{client}->post("$mfa/disable", \%body), 200, 102000, "$way: is enough after a second factor");
    ok(!$one->{client}->get($totp)->data->{enrolled}, "$way: TOTP is gone");
    is(scalar(grep { /TOTP|two-step|second factor|authenticator/i } map { $_->{headers}{subject} }
                $server->mails($one->{email}, $way eq 'a right password' ? 4 : $way eq 'a backup code' ? 5 : 4)) > 0, 1,
        "$way: it was mailed");
}

# ---- what was proved by an authenticator that is gone

my $proved = totp_enroll(register_member(), $server);
totp_rewind($server, $proved);
my $there = $anybody->with(token => $anybody->post($login, { challenge_id => login($proved)->data->{mfa_challenge_id},
            mfa_code => totp_code($proved->{totp}) })->data->{access_token});
$server->psql("UPDATE cloudep.sessions SET mfa_at = now(), mfa_method = 'passkey', amr = 'pop' WHERE id = :'id'::uuid",
    id => (grep { !$_->{current} } @{ $there->get('/api/v1/members/me/sessions')->data->{sessions} })[0]{id});
my $third = $anybody->with(token => $anybody->post($login, { challenge_id => login($proved)->data->{mfa_challenge_id},
            mfa_code => $proved->{backup}[0] })->data->{access_token});
outcome($there->post("$mfa/disable", { password => $proved->{password} }), 200, 102000, 'TOTP is disabled in one of three sessions');
is_deeply([map { $_->{second_factor} } @{ $there->get('/api/v1/members/me/sessions')->data->{sessions} }],
    [undef, 'totp', 'passkey'], 'the others lose what was proved by it, but for a passkey');
is($third->get('/api/v1/members/me')->status, 200, 'and go on');

finish();
