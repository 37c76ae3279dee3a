# POST /register/confirm: every outcome; a code works once, guesses are counted, nothing else fits.
use strict;
use warnings;
use CloudEP::Test;

my $tenant = tenant();
my $path = '/api/v1/auth/register/confirm';

# A pending registration: what confirm takes, and its uid.
sub pending {
    my ($answer, $sent) = register(tenant => $tenant, @_);
    my $code = secret(server()->mail_code($sent->{email}));
    return ({ tenant_slug => $tenant->{slug}, challenge_id => $answer->data->{challenge_id}, code => $code },
        $answer->data->{uid}, $sent);
}
sub wrong { my ($code) = @_; return sprintf '%06d', ($code + 1) % 1_000_000 }

# ---- success
my ($body, $uid, $sent) = pending();
my $spaced = { %$body, code => join ' ', $body->{code} =~ /(...)(...)/ };
my $answer = outcome(client()->post($path, $spaced), 200, 102000, 'the code, with a space in it');
my $data = $answer->data;
is($data->{uid}, $uid, 'confirm answers with the uid of the registration');
is($data->{token_type}, 'Bearer', 'token_type');
is($data->{expires_in}, 900, 'expires_in');
outcome(client(token => $data->{access_token})->get('/api/v1/members/me'), 200, 102000, 'the access token works');
outcome(client()->post($path, $body), 404, 29301000, 'a code works once');

# ---- 400
outcome(client()->post($path, '{'), 400, 10101000, 'cut JSON');
for my $code ('12345', '1234567', '12345a', 123456) {
    outcome(client()->post($path, { %$body, code => $code }), 400, 10101000, "code $code");
}
outcome(client()->post($path, { %$body, challenge_id => 'a b' }), 400, 10101000, 'a challenge_id with a space');
for my $field (qw(tenant_slug challenge_id code)) {
    my %less = %$body;
    delete $less{$field};
    outcome(client()->post($path, \%less), 400, 10104000, "without $field");
}

# ---- 404 and 403
($body, $uid) = pending();
outcome(client()->post($path, { %$body, tenant_slug => 'nobody-knows' }), 404, 29301000, 'no such tenant');
outcome(client()->post($path, { %$body, challenge_id => 'A' x 22 }), 404, 29301000, 'no such challenge');
my $other = tenant();
outcome(client()->post($path, { %$body, tenant_slug => $other->{slug} }), 403, 28505000, "another tenant's challenge");
outcome(client()->post($path, { %$body, code => wrong($body->{code}) }), 403, 29505000, 'a wrong code');
outcome(client()->post($path, $body), 200, 102000, 'the right one after a wrong one');

# ---- 409: locked after five, also for the right code
($body, $uid) = pending();
outcome(client()->post($path, { %$body, code => wrong($body->{code}) }), 403, 29505000, "wrong guess $_") for 1 .. 5;
outcome(client()->post($path, { %$body, code => wrong($body->{code}) }), 409, 29309000, 'the sixth is not compared');
outcome(client()->post($path, $body), 409, 29309000, 'the right code is refused while the challenge is locked');

# ---- 409: no longer pending
($body, $uid) = pending();
server()->psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $uid);
outcome(client()->post($path, $body), 409, 28309000, 'a member that is no longer pending');

finish();
