# Sealing keys are rotated without anybody noticing: secrets, backup codes and codes under way outlive a new active key.
use strict;
use warnings;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;
use CloudEP::Totp;

my $me = '/api/v1/members/me/totp';
my $pg = own_postgres();
my $server = own_server(pg => $pg);
$server->{keys} = "$server->{dir}/keys";
$server->start;
my $file = "$server->{keys}/sealing.jwks";
my $old = slurp($file);

my $member = totp_enroll(register_member(server => $server), $server);
my $client = $member->{client};
my $target = fresh_email();
my $challenge = $client->post('/api/v1/members/me/verifications/email/start', { target => $target })->data->{challenge_id};
my $pending = register_member(server => $server);
my $pending_secret = totp_secret($pending->{client}->post("$me/enroll-start")->data->{otpauth_url});
my $code = $server->mail_code($target);

my $kid = JSON::PP::decode_json($old)->{keys}[0]{kid};
like($pg->value("SELECT secret FROM cloudep.totp WHERE uid = :'uid'", uid => $member->{uid}), qr/\Av1\.\Q$kid\E\./,
    'a sealed secret names its key');
my $fresh = "$server->{dir}/fresh.jwks";
$server->ctl(qw(key generate --alg A256GCM --file), $fresh);
my @keys = map { @{ JSON::PP::decode_json(slurp($_))->{keys} } } $fresh, $file;
spew($file, JSON::PP::encode_json({ keys => \@keys }));
chmod 0600, $file;
$server->restart;

outcome($client->post("$me/verify", { code => totp_code($member->{totp}) }), 200, 102000, 'the authenticator outlives the rotation');
outcome($client->post("$me/verify", { code => $member->{backup}[0] }), 200, 102000, 'as do backup codes');
outcome($client->post('/api/v1/members/me/verifications/email/confirm', { challenge_id => $challenge, code => $code }),
    200, 102000, 'and a code under way');
my $confirmed = outcome($pending->{client}->post("$me/enroll-confirm", { code => totp_code($pending_secret) }), 200, 102000,
    'and an enrolment')->data;
outcome($pending->{client}->post("$me/verify", { code => $confirmed->{backup_codes}[0] }), 200, 102000,
    'its backup codes are of the new key');
my $renewed = $client->post("$me/backup-codes")->data->{backup_codes};
like($pg->value("SELECT string_agg(mac, ' ') FROM cloudep.backup_codes WHERE uid = :'uid'", uid => $member->{uid}),
    qr/\A(?:\Q$keys[0]{kid}\E\.[\w-]{43}(?: |\z)){10}\z/, 'as are renewed ones');

# The old key goes: what it sealed cannot be opened, which is an error and never a wrong answer.
expect_log(qr/unsealing a TOTP secret failed/);
spew($file, JSON::PP::encode_json({ keys => [$keys[0]] }));
chmod 0600, $file;
$server->restart;
totp_rewind($server, $member);
outcome($client->post("$me/verify", { code => totp_code($member->{totp}) }), 500, 29601000, 'without its key a secret is an error');
outcome($client->post("$me/verify", { code => $renewed->[0] }), 200, 102000, 'what the new key has made goes on');

finish();
