# POST /register/resend and /register/resume: every outcome; what a new code changes and what it does not.
use strict;
use warnings;
use CloudEP::Test;

# A server whose cooldown is short enough to wait for.
my $server = own_server(values => { CloudEPCodeCooldown => 3 })->start;
my $tenant = tenant(server => $server);
my $slug = $tenant->{slug};
my ($resend, $resume) = map { "/api/v1/auth/register/$_" } qw(resend resume);
my $client = client(server => $server);

sub pending { my ($answer, $sent) = register(client => $client, tenant => $tenant); return ($answer->data, $sent) }
sub again { my ($data) = @_; return $client->post($resend, { tenant_slug => $slug, challenge_id => $data->{challenge_id} }) }
sub confirm_with {
    my ($data, $code) = @_;
    return $client->post('/api/v1/auth/register/confirm',
        { tenant_slug => $slug, challenge_id => $data->{challenge_id}, code => $code });
}

# ---- resend
my ($data, $sent) = pending();
my $early = outcome(again($data), 429, 28604000, 'too early');
my $first = secret($server->mail_code($sent->{email}));
like($early->header('Retry-After'), qr/^[1-4]$/, 'Retry-After says how long');
sleep 4;
my $second = outcome(again($data), 200, 102000, 'a new code')->data;
is($second->{$_}, $data->{$_}, "resend answers with the same $_") for qw(uid challenge_id);
my $code = secret($server->mail_code($sent->{email}, 2));
SKIP_SAME: {
    last SKIP_SAME if $code eq $first;    # one in a million
    outcome(confirm_with($second, $first), 403, 29505000, 'the old code is dead');
}
outcome(confirm_with($second, $code), 200, 102000, 'the new one works');
outcome(again($second), 404, 29301000, 'a challenge that was consumed');

outcome($client->post($resend, '{'), 400, 10101000, 'cut JSON');
outcome($client->post($resend, { tenant_slug => $slug }), 400, 10104000, 'resend without challenge_id');
outcome($client->post($resend, { tenant_slug => 'nobody-knows', challenge_id => 'x' }), 404, 29301000, 'no such tenant');
outcome($client->post($resend, { tenant_slug => $slug, challenge_id => 'A' x 22 }), 404, 29301000, 'no such challenge');
($data, $sent) = pending();
my $other = tenant(server => $server);
outcome($client->post($resend, { tenant_slug => $other->{slug}, challenge_id => $data->{challenge_id} }), 403, 28505000,
    "another tenant's challenge");
$server->psql("UPDATE cloudep.members SET status = 'active' WHERE uid = :'uid'", uid => $data->{uid});
outcome(again($data), 409, 28309000, 'a member that is no longer pending');

# ---- wrong guesses stay counted
($data, $sent) = pending();
$first = secret($server->mail_code($sent->{email}));
my $wrong = sprintf '%06d', ($first + 1) % 1_000_000;
outcome(confirm_with($data, $wrong), 403, 29505000, "wrong guess $_") for 1 .. 3;
sleep 4;
$data = outcome(again($data), 200, 102000, 'a new code after three wrong guesses')->data;
$code = secret($server->mail_code($sent->{email}, 2));
$wrong = sprintf '%06d', ($code + 1) % 1_000_000;
outcome(confirm_with($data, $wrong), 403, 29505000, "wrong guess $_") for 4 .. 5;
outcome(confirm_with($data, $code), 409, 29309000, 'five in all lock the challenge');
sleep 4;
outcome(again($data), 429, 28604000, 'a locked challenge gets no new code');
outcome($client->post($resume, { tenant_slug => $slug, email => $sent->{email} }), 200, 102000,
    'resume makes another challenge beside a locked one');
outcome(confirm_with($data, $code), 409, 29309000, 'resume does not unlock the locked challenge');

# ---- resume
($data, $sent) = pending();
outcome($client->post($resume, { tenant_slug => $slug, email => $sent->{email} }), 429, 28604000, 'too early');
sleep 4;
my $resumed = outcome($client->post($resume, { tenant_slug => $slug, email => uc $sent->{email} }), 200, 102000,
    'a registration is resumed by its email')->data;
isnt($resumed->{$_}, $data->{$_}, "resume makes an attempt with a $_ of its own") for qw(uid challenge_id);
outcome(confirm_with($resumed, secret($server->mail_code($sent->{email}, 2))), 200, 102000, 'its code works');
outcome($client->post($resume, { tenant_slug => $slug, email => $sent->{email} }), 409, 28309000, 'confirmed already');
outcome($client->post($resume, { tenant_slug => $slug, email => fresh_email() }), 404, 29301000, 'nothing to resume');
outcome($client->post($resume, { tenant_slug => 'nobody-knows', email => fresh_email() }), 404, 29301000, 'no such tenant');
outcome($client->post($resume, { tenant_slug => $slug, email => 'nobody' }), 400, 10101000, 'resume with an email that is none');
outcome($client->post($resume, { tenant_slug => $slug }), 400, 10104000, 'resume without email');

finish();
