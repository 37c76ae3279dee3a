# CloudEPFreshness: what changes a credential takes a proof of a short while ago in the same session.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Totp;

my $me = '/api/v1/members/me/totp';
my $server = own_server(values => { CloudEPFreshness => '5min', CloudEPDevIdentityHeaders => 'On' })->start;
my $member = register_member(server => $server);
my $client = $member->{client};

# Moves the times at which the member's sessions were opened, reauthenticated and proved a second factor: seconds ago, undef for never.
sub age {
    my (%age) = @_;
    server->psql('UPDATE cloudep.sessions SET '
            . join(', ', map { "$_ = " . (defined $age{$_} ? "now() - interval '$age{$_} seconds'" : 'NULL') } sort keys %age)
            . " WHERE uid = :'uid'", uid => $member->{uid});
}

# ---- a member without a second factor

age(auth_time => 305);
my $refused = outcome($client->post("$me/enroll-start"), 403, 29505001, 'an old session cannot begin to enrol');
is($refused->json->{reason}, 'fresh_proof_needed', 'and is told why');
is(server->value("SELECT count(*) FROM cloudep.totp WHERE uid = :'uid'", uid => $member->{uid}), 0, 'nothing has begun');
outcome($client->delete($me), 200, 102000, 'nothing to remove takes no proof');
outcome($client->post("$me/backup-codes"), 409, 29309000, 'nothing to renew has its own answer');
outcome($client->patch('/api/v1/members/me', { display_name => 'Ada' }), 200, 102000, 'the profile takes no proof');
age(auth_time => 290);
outcome($client->post("$me/enroll-start"), 200, 102000, 'one of less than five minutes can');
age(auth_time => 3600);
outcome($client->post("$me/enroll-start"), 403, 29505001, 'an old one cannot again');
age(fresh_at => 290);
my $secret = totp_secret(outcome($client->post("$me/enroll-start"), 200, 102000, 'a reauthenticated one can')->data->{otpauth_url});
age(fresh_at => 305);
outcome($client->post("$me/enroll-start"), 403, 29505001, 'no longer than that');
outcome($client->post("$me/enroll-confirm", { code => totp_code($secret) }), 200, 102000, 'what was begun is confirmed without another proof');
$member->{totp} = $secret;
totp_rewind($server, $member);

# ---- a member with one

age(auth_time => 5, fresh_at => 5);
outcome($client->delete($me), 403, 29505001, 'with TOTP a session that was opened just now cannot remove it');
outcome($client->post("$me/backup-codes"), 403, 29505001, 'nor renew the codes');
ok($client->get($me)->data->{enrolled}, 'nothing has happened');
outcome($client->post("$me/verify", { code => totp_wrong_code($secret) }), 403, 29505000, 'a wrong code');
outcome($client->post("$me/backup-codes"), 403, 29505001, 'proves nothing');
my $passed = login($member);
my $other = $client->with(token => $client->post('/api/v1/auth/login/mfa', { tenant_slug => $member->{slug},
            challenge_id => $passed->data->{mfa_challenge_id}, code => totp_code($secret) })->data->{access_token});
outcome($client->post("$me/backup-codes"), 403, 29505001, "nor does another session's proof");
outcome($other->post("$me/backup-codes"), 200, 102000, 'that session has proved it by its login');
totp_rewind($server, $member);
outcome($client->post("$me/verify", { code => totp_code($secret) }), 200, 102000, 'this one by totp/verify');
my $codes = outcome($client->post("$me/backup-codes"), 200, 102000, 'and then may')->data->{backup_codes};
age(mfa_at => 290);
outcome($client->post("$me/backup-codes"), 200, 102000, 'as long as it was said');
age(mfa_at => 305);
outcome($client->post("$me/backup-codes"), 403, 29505001, 'no longer');
age(mfa_at => 1);
$codes = $client->post("$me/backup-codes")->data->{backup_codes};
age(mfa_at => 305);
outcome($client->post("$me/verify", { code => $codes->[0] }), 200, 102000, 'a backup code proves it as well');
outcome($client->post("$me/backup-codes"), 200, 102000, 'as the codes show');
age(mfa_at => 305, auth_time => 305, fresh_at => 305);
my @dev = ('X-Tenant-ID' => server->value("SELECT tenant_id FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid}),
    'X-UID' => $member->{uid});
outcome($client->with(token => undef)->delete($me, @dev), 200, 102000, 'development headers are always fresh');
outcome($client->post("$me/enroll-start"), 403, 29505001, 'without TOTP the times of before count again');

# ---- settings

my $usual = register_member();
$member = $usual;
age(auth_time => 890);
outcome($usual->{client}->post("$me/enroll-start"), 200, 102000, 'without the directive it is a quarter of an hour');
age(auth_time => 905);
outcome($usual->{client}->post("$me/enroll-start"), 403, 29505001, 'and no more');
my $off = own_server(values => { CloudEPFreshness => 0, CloudEPIssuer => server->url })->start;
outcome($usual->{client}->with(port => $off->port)->post("$me/enroll-start"), 200, 102000, '0 asks for nothing');
my $renamed = own_server(values => { CloudEPStepUp => '5min' });
like($renamed->refuses_to_start // '', qr/CloudEPStepUp is called CloudEPFreshness now/, 'the old name of the directive is refused with the new one');

finish();
