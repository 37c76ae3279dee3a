# POST /auth/undo with the passwords at a ZITADEL: it gets one that nobody knows before anything is undone here.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Totp;
use CloudEP::Zitadel;

my $zitadel = zitadel();
my $server = zitadel_server($zitadel, values => { CloudEPAccountURL => 'https://id.example/account/' });
my $tenant = zitadel_tenant($server, $zitadel);
my $set = 'POST /v2/users/:id/password';

sub enrolled {
    my $member = totp_enroll(register_member(tenant => $tenant), $server);
    my ($notice) = grep { $_->{text} =~ /#undo=/ } $server->mails($member->{email}, 2);
    my ($token) = $notice->{text} =~ /#undo=([A-Za-z0-9_-]{64})$/m;
    return ($member, secret($token));
}

sub try { return client(server => $server)->post('/api/v1/auth/undo', { token => $_[0] }) }
sub state_of { return $server->value("SELECT (SELECT enrolled_at IS NOT NULL FROM cloudep.totp o WHERE o.uid = m.uid)::text || ' ' || password_due::text FROM cloudep.members m WHERE uid = :'uid'", uid => $_[0]{uid}) }

my ($member, $token) = enrolled();
my $before = asked($zitadel, $set);
outcome(try('x' x 64), 404, 29301000, 'a token that was never made');
is(asked($zitadel, $set), $before, 'does not reach ZITADEL');

# ---- 502: nothing is undone, and the link is still good
expect_log(qr/CE101: taking the password away failed|CE6\d\d: |zitadel/i);
for my $fault ({ status => 500 }, { status => 429 }) {
    $zitadel->fault(path => "/v2/users/$member->{uid}/password", %$fault);
    outcome(try($token), 502, 28802000, 'ZITADEL fails: ' . join ' ', %$fault);
    $zitadel->clear_faults;
    is(state_of($member), 'true false', 'nothing has changed');
    outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'the session goes on');
}

# ---- undone
outcome(try($token), 200, 102000, 'ZITADEL works again');
is(state_of($member), 'false true', 'TOTP is off, a password is due');
outcome(login($member), 401, 28501000, 'the password is void at ZITADEL as well');
outcome($member->{client}->get('/api/v1/members/me'), 401, 29501000, 'the session is over');
outcome(try($token), 404, 29301000, 'once');
my $challenge = outcome(client(server => $server)->post('/api/v1/auth/password/forgot', { tenant_slug => $tenant->{slug}, email => $member->{email} }),
    200, 102000, 'forgot')->data->{challenge_id};
my ($mail) = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($member->{email}, 4);
my $new = fresh_password();
outcome(client(server => $server)->post('/api/v1/auth/password/reset', { tenant_slug => $tenant->{slug}, challenge_id => $challenge,
            code => secret(CloudEP::Mail::code($mail)), new_password => $new }), 200, 102000, 'a reset sets the next');
outcome(login($member, password => $new), 200, 102000, 'which lets in');
is(state_of($member), 'false false', 'and is not due any more');

finish();
