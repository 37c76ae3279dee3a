# POST /auth/reauthenticate: a live session is proved anew, that one and no other, by what its member has.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Totp;

my $again = '/api/v1/auth/reauthenticate';
my $totp = '/api/v1/members/me/totp';
my $member = register_member();
my $client = $member->{client};
my $other = $client->with(token => login($member)->data->{access_token});

# All sessions of a member were opened an hour ago and proved nothing since.
sub stale {
    my ($who) = @_;
    server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL, mfa_at = NULL WHERE uid = :'uid'",
        uid => $who->{uid});
}

# How many sessions of a member are marked as proved anew.
sub marked { return server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND fresh_at > now() - interval '1 minute'", uid => $_[0]{uid}) }

sub forgive { server->psql("DELETE FROM cloudep.budgets WHERE tenant_id = (SELECT id FROM cloudep.tenants WHERE slug = :'slug')", slug => $member->{slug}) }

# ---- input

stale($member);
outcome(client->post($again, { password => $member->{password} }), 401, 28501000, 'without a session');
my $none = outcome($client->post($again, {}), 400, 10104000, 'no proof');
is_deeply([map { "$_->{field} $_->{rule}" } @{ $none->errors }], ['password required'], 'is told by the field');
outcome($client->post($again, { password => $member->{password}, code => '123456' }), 400, 10101000, 'two proofs');
outcome($client->post($again, { password => $member->{password}, challenge_id => 'A' x 22 }), 400, 10101000, 'a password and a challenge');
outcome($client->post($again, { challenge_id => 'A' x 22 }), 400, 10104000, 'a challenge without its code');
outcome($client->post($again, { mailed_code => '123456' }), 400, 10104000, 'a mailed code without its challenge');
outcome($client->post($again, { code => '1234567' }), 400, 10101000, 'a code of seven digits');
outcome($client->post("$again/start", {}), 400, 10104000, 'a start without a method');
outcome($client->post("$again/start", { method => 'sms' }), 400, 10101000, 'or with one that is not there');
is(marked($member), 0, 'nothing of that proves anything');

# ---- password

outcome($client->post("$totp/enroll-start"), 403, 29505001, 'before');
is(outcome($client->post($again, { password => 'not the right one' }), 403, 28505000, 'a wrong password')->json->{reason}, 'password_wrong', 'is told so');
is(marked($member), 0, 'and proves nothing');
is_deeply(outcome($client->post($again, { password => $member->{password} }), 200, 102000, 'the right one')->data, { ok => JSON::PP::true }, 'proves it');
is(marked($member), 1, 'of this session alone');
outcome($other->post("$totp/enroll-start"), 403, 29505001, 'the other one is as stale as before');
outcome($client->post("$totp/enroll-start"), 200, 102000, 'this one may');
is(outcome($client->post("$again/start", { method => 'code' }), 403, 28505000, 'who has a password gets no mailed code')->json->{reason},
    'mailed_code_refused', 'and is told so');
is($client->post($again, { challenge_id => 'A' x 22, mailed_code => '123456' })->json->{reason}, 'mailed_code_refused', 'nor is one looked at');
outcome($client->post($again, { code => '123456' }), 409, 29309000, 'without TOTP there is no code to prove');

# Guesses are those of logins: counted for the account, whichever way they come, and however many at once.
stale($member);
my @answers = $client->parallel((['POST', $again, { password => 'not the right one' }]) x 64);
is(scalar(grep { $_->status == 403 } @answers), 10, 'of 64 wrong passwords at once ten are told so');
is(scalar(grep { $_->status == 429 } @answers), 54, 'the others have to wait');
server->psql("UPDATE cloudep.budgets SET blocked_until = now() + interval '1 minute' WHERE subject = :'uid'", uid => $member->{uid});
my $wait = outcome($client->post($again, { password => $member->{password} }), 429, 28604000, 'as has the right one');
ok($wait->header('retry-after') > 0, 'for as long as it says');
is(login($member)->status, 429, 'and a login');
is(marked($member), 0, 'nothing is proved');
forgive();
outcome($client->post($again, { password => $member->{password} }), 200, 102000, 'then it is');

# ---- second factor

stale($member);
outcome($client->post($again, { password => $member->{password} }), 200, 102000, 'a proof to enrol by');
totp_enroll($member, server);
stale($member);
is(outcome($client->post($again, { password => $member->{password} }), 403, 29505001, 'with TOTP the password is not enough')->json->{reason},
    'fresh_proof_needed', 'which the reason says');
is(marked($member), 0, 'it proves nothing');
outcome($client->post($again, { code => totp_wrong_code($member->{totp}) }), 403, 28505000, 'a wrong code');
outcome($client->post("$totp/backup-codes"), 403, 29505001, 'proves nothing either');
my $code = totp_code($member->{totp});
outcome($client->post($again, { code => substr($code, 0, 3) . '-' . substr $code, 3 }), 200, 102000, 'the right code, as people write it');
outcome($other->post("$totp/backup-codes"), 403, 29505001, 'proves it of this session alone');
outcome($client->post($again, { code => $code }), 403, 28505000, 'once');
outcome($client->post("$totp/backup-codes"), 200, 102000, 'this one may');
stale($member);
my $codes = do { totp_rewind(server, $member); $client->post($again, { code => totp_code($member->{totp}) }); $client->post("$totp/backup-codes")->data->{backup_codes} };
stale($member);
outcome($client->post($again, { code => $codes->[0] }), 200, 102000, 'a backup code');
outcome($client->post($again, { code => $codes->[0] }), 403, 29505000, 'once');
is((server->psql("SELECT mfa_method FROM cloudep.sessions WHERE uid = :'uid' AND mfa_at IS NOT NULL", uid => $member->{uid}))->[0][0], 'backup_code',
    'the session says how');
totp_rewind(server, $member);
@answers = $client->parallel((['POST', $again, { code => totp_code($member->{totp}) }]) x 32);
is(scalar(grep { $_->status == 200 } @answers), 1, '32 times the same code at once: one counts');
totp_rewind(server, $member);
@answers = $client->parallel(map { ['POST', $again, { code => totp_wrong_code($member->{totp}) }] } 1 .. 64);
is(scalar(grep { $_->status == 403 } @answers), 10, 'of 64 wrong codes at once ten are compared');
outcome($client->post("$totp/verify", { code => totp_code($member->{totp}) }), 429, 29604000, 'with those of totp/verify');

# ---- a mailed code, for members who have nothing better

my $social = register_member();
server->psql("UPDATE cloudep.members SET origin = 'google', has_password = false WHERE uid = :'uid'", uid => $social->{uid});
server->psql("DELETE FROM cloudep.credentials WHERE uid = :'uid'", uid => $social->{uid});
my $patient = own_server(values => { CloudEPCodeCooldown => 0, CloudEPIssuer => server->url })->start;    # a registration's code was mailed just now
my $friend = $social->{client}->with(port => $patient->port);
stale($social);
outcome($friend->post($again, { password => $social->{password} }), 403, 28505000, 'who has no password has no right one');
my $second = register_member();    # with a session of its own, to try the challenge with
my $started = outcome($friend->post("$again/start", { method => 'code' }), 200, 102000, 'a code is mailed')->data;
ok($started->{expires_in} > 590 && $started->{expires_in} <= 600, 'for ten minutes');
my ($mail) = grep { $_->{headers}{subject} =~ /confirmation code/ } server->mails($social->{email}, 2);
my ($mailed) = $mail->{text} =~ /^\s+(\d{6})$/m;
secret($mailed);
my @proof = (challenge_id => $started->{challenge_id}, mailed_code => $mailed);
server->psql("UPDATE cloudep.members SET origin = 'google', has_password = false WHERE uid = :'uid'", uid => $second->{uid});
my $stranger = $second->{client}->with(port => $patient->port);
outcome($stranger->post($again, {@proof}), 403, 28505000, 'it is not for another member');
outcome($friend->post($again, { @proof, mailed_code => $mailed =~ tr/0-9/1-90/r }), 403, 29505000, 'a wrong code');
outcome($friend->post($again, { @proof, challenge_id => 'A' x 22 }), 404, 29301000, 'a challenge that is not there');
my $reset = $friend->with(token => undef)->post('/api/v1/auth/password/reset', { tenant_slug => $social->{slug}, challenge_id => $started->{challenge_id},
        code => $mailed, new_password => fresh_password() });
outcome($reset, 403, 28505000, 'it serves nothing else');
is(marked($social), 0, 'nothing of that proves anything');
my $later = $friend->with(token => register_session($social));
@answers = $friend->parallel((['POST', $again, {@proof}]) x 16);
is(scalar(grep { $_->status == 200 } @answers), 1, 'the right code, 16 times at once: one counts');
is(marked($social), 1, 'for this session alone');
outcome($friend->post($again, {@proof}), 404, 29301000, 'and then no more');
outcome($friend->post("$totp/enroll-start"), 200, 102000, 'it is as fresh as by a login');
outcome($later->post("$totp/enroll-start"), 403, 29505001, 'the other session is not');

# Guesses at the challenge end it.
server->psql("UPDATE cloudep.sessions SET fresh_at = NULL WHERE uid = :'uid'", uid => $second->{uid});
my $guessed = outcome($stranger->post("$again/start", { method => 'code' }), 200, 102000, 'another code')->data->{challenge_id};
my %guess = (challenge_id => $guessed, mailed_code => '000000');
@answers = $stranger->parallel((['POST', $again, {%guess}]) x 64);
is(scalar(grep { $_->status == 403 } @answers), 5, 'of 64 guesses at once five are compared');
outcome($stranger->post($again, {%guess}), 409, 29309000, 'then it is locked');

# ---- what changes meanwhile

stale($social);
totp_enroll_by_sql($social);
outcome($friend->post("$again/start", { method => 'code' }), 403, 28505000, 'who has TOTP by now gets no mailed code');
outcome($friend->with(token => $social->{access})->post('/api/v1/auth/logout'), 200, 102000, 'a session ends');
outcome($friend->post($again, { password => $social->{password} }), 401, 28501000, 'and cannot be proved any more');
my $dev = own_server(values => { CloudEPDevIdentityHeaders => 'On' })->start;
my @dev = ('X-Tenant-ID' => server->value("SELECT tenant_id FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid}), 'X-UID' => $member->{uid});
outcome(client(server => $dev)->post($again, { password => $member->{password} }, @dev), 401, 28501000, 'development headers have no session to prove');

# A second session of a member who cannot log in by password; its access token is one of ours, signed by the refresh of a copied row.
sub register_session {
    my ($who) = @_;
    server->psql("UPDATE cloudep.members SET origin = 'platform_native', has_password = true WHERE uid = :'uid'", uid => $who->{uid});
    my $forgot = $who->{client}->with(token => undef);
    server->psql("INSERT INTO cloudep.credentials (tenant_id, uid, phc) SELECT m.tenant_id, m.uid, c.phc FROM cloudep.members m, cloudep.credentials c"
            . " WHERE m.uid = :'uid' AND c.uid = :'from'", uid => $who->{uid}, from => $second->{uid});
    my $token = login({ %$who, password => $second->{password} })->data->{access_token};
    server->psql("DELETE FROM cloudep.credentials WHERE uid = :'uid'", uid => $who->{uid});
    server->psql("UPDATE cloudep.members SET origin = 'google', has_password = false WHERE uid = :'uid'", uid => $who->{uid});
    stale($who);
    return $token;
}

sub totp_enroll_by_sql {
    my ($who) = @_;
    server->psql("INSERT INTO cloudep.totp AS t (tenant_id, uid, secret, enrolled_at) SELECT tenant_id, uid, 's', now() FROM cloudep.members WHERE uid = :'uid'"
            . " ON CONFLICT (tenant_id, uid) DO UPDATE SET secret = 's', enrolled_at = now()", uid => $who->{uid});
}

finish();
