# CloudEPStepUp: removing TOTP and renewing backup codes take a second factor proved a short while ago in this session.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Totp;

my $me = '/api/v1/members/me/totp';
my $server = own_server(values => { CloudEPStepUp => '5min', CloudEPDevIdentityHeaders => 'On' })->start;
my $member = register_member(server => $server);
my $client = $member->{client};

outcome($client->delete($me), 200, 102000, 'nothing to remove takes no proof');
outcome($client->post("$me/backup-codes"), 409, 29309000, 'nothing to renew has its own answer');
totp_enroll($member, $server);
my $refused = outcome($client->delete($me), 403, 29505001, 'removing takes a proof');
like($refused->json->{message}, qr/^step_up_required\b/, 'and says so');
outcome($client->post("$me/backup-codes"), 403, 29505001, 'as does renewing');
ok($client->get($me)->data->{enrolled}, 'nothing has happened');

outcome($client->post("$me/verify", { code => totp_wrong_code($member->{totp}) }), 403, 29505000, 'a wrong code');
outcome($client->post("$me/backup-codes"), 403, 29505001, 'proves nothing');
my $passed = login($member);
my $other = $client->with(token => $client->post('/api/v1/auth/login/mfa', { tenant_slug => $member->{slug},
    challenge_id => $passed->data->{mfa_challenge_id}, code => totp_code($member->{totp}) })->data->{access_token});
outcome($client->post("$me/backup-codes"), 403, 29505001, "nor does another session's proof");
my $codes = outcome($other->post("$me/backup-codes"), 200, 102000, 'that session has proved it by its login')->data->{backup_codes};
totp_rewind($server, $member);
outcome($client->post("$me/verify", { code => totp_code($member->{totp}) }), 200, 102000, 'this one by totp/verify');
$codes = outcome($client->post("$me/backup-codes"), 200, 102000, 'and then may')->data->{backup_codes};

my $age = sub {
    server->psql("UPDATE cloudep.sessions SET mfa_at = now() - interval '$_[0] seconds' WHERE uid = :'uid'", uid => $member->{uid});
};
$age->(290);
outcome($client->post("$me/backup-codes"), 200, 102000, 'as long as it was said');
$age->(305);
outcome($client->post("$me/backup-codes"), 403, 29505001, 'no longer');
$codes = do { $age->(1); $client->post("$me/backup-codes")->data->{backup_codes} };
$age->(305);
outcome($client->post("$me/verify", { code => $codes->[0] }), 200, 102000, 'a backup code proves it as well');
my @dev = ('X-Tenant-ID' => server->value("SELECT tenant_id FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid}),
    'X-UID' => $member->{uid});
outcome($client->with(token => undef)->delete($me, @dev), 403, 29505001, 'development headers have no session that could');
outcome($client->delete($me), 200, 102000, 'and TOTP goes');

# Off by default.
my $plain = totp_enroll(register_member());
outcome($plain->{client}->post("$me/backup-codes"), 200, 102000, 'without the directive no proof is asked for');
outcome($plain->{client}->delete($me), 200, 102000, 'nor for removing');

finish();
