# POST /password/forgot and /password/reset with the passwords at a ZITADEL: set there, and the code is good again
# whenever ZITADEL could not or would not.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Zitadel;

my $zitadel = zitadel();
my $server = zitadel_server($zitadel);
my $tenant = zitadel_tenant($server, $zitadel);
my $client = client(server => $server);
my $path = '/api/v1/auth/password';

sub forgot { return $client->post("$path/forgot", { tenant_slug => $tenant->{slug}, email => $_[0]{email} }) }
sub reset_with {
    my ($challenge, $code, $password) = @_;
    return $client->post("$path/reset", { tenant_slug => $tenant->{slug}, challenge_id => $challenge, code => $code,
            new_password => $password // fresh_password() });
}
sub challenge {
    my ($member, $mails) = @_;
    my $answer = outcome(forgot($member), 200, 102000, 'forgot');
    my @about = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($member->{email}, $mails // 2);
    return ($answer->data->{challenge_id}, secret(CloudEP::Mail::code($about[-1])));
}

# ---- a reset
my $member = register_member(tenant => $tenant);
my ($challenge, $code) = challenge($member);
outcome(reset_with($challenge, sprintf '%06d', ($code + 1) % 1_000_000), 403, 29505000, 'a wrong code');
is(asked($zitadel, 'POST /v2/users/:id/password'), 0, 'does not reach ZITADEL');
my $new = fresh_password();
outcome(reset_with($challenge, $code, $new), 200, 102000, 'the right one sets the password');
is(asked($zitadel, 'POST /v2/users/:id/password'), 1, 'there');
outcome($member->{client}->get('/api/v1/members/me'), 401, 29501000, 'the session is over');
outcome(login($member), 401, 28501000, 'the old password is wrong');
outcome(login($member, password => $new), 200, 102000, 'the new one is right');
is(scalar($server->mails($member->{email}, 3)), 3, 'the member is told');
$member->{password} = $new;

# ---- a lock of ZITADEL's own is lifted
$zitadel->state(max_password_attempts => 2);
my $locked = register_member(tenant => $tenant);
outcome(login($locked, password => fresh_password()), 401, 28501000, "wrong password $_") for 1, 2;
outcome(login($locked), 403, 28505000, 'locked by ZITADEL');
($challenge, $code) = challenge($locked);
outcome(reset_with($challenge, $code, $new = fresh_password()), 200, 102000, 'a reset');
outcome(login($locked, password => $new), 200, 102000, 'lifts the lock');
$zitadel->state(max_password_attempts => 0);

# ---- 400: a password that ZITADEL does not take; the code stays good
($challenge, $code) = challenge($member, 4);
for my $refused ('nocapitals-1234-here', 'NoSymbolsAtAll1234', 'Pw-7' . 'x' x 69) {
    my $answer = outcome(reset_with($challenge, $code, secret($refused)), 400, 10101000, 'a password that ZITADEL refuses');
    is($answer->errors->[0]{field}, 'new_password', 'the field is named');
}

# ---- 502: ZITADEL fails; the code stays good, the old password too
expect_log(qr/CE101: setting the password failed|CE6\d\d: |zitadel/i);
for my $fault ({ status => 500 }, { status => 429 }, { error => { code => 13, id => 'COMMAND-CahN2' } }) {
    $zitadel->fault(path => "/v2/users/$member->{uid}/password", %$fault);
    outcome(reset_with($challenge, $code), 502, 28802000, 'ZITADEL fails: ' . join ' ', %$fault);
    $zitadel->clear_faults;
}
outcome(login($member), 200, 102000, 'nothing has changed');
$zitadel->fault(path => "/v2/users/$member->{uid}/password", status => 500, after => JSON::PP::true);
outcome(reset_with($challenge, $code), 502, 28802000, 'ZITADEL fails after the work');
$zitadel->clear_faults;
outcome(reset_with($challenge, $code, $new = fresh_password()), 200, 102000, 'the same code works when ZITADEL does');
outcome(login($member, password => $new), 200, 102000, 'and sets the password');
outcome(reset_with($challenge, $code), 404, 29301000, 'once');

is_in_step($server, $zitadel, 'ZITADEL has our members and no others', 5);
finish();
