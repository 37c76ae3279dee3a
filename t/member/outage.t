# What every member operation, and login with a second factor, answers when a part is away, not configured or in a state
# that cannot be, when there is no token, and when the member is gone: each by real means, on servers of its own.
use strict;
use warnings;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use CloudEP::Totp;

my $me = '/api/v1/members/me';

# Path, then: a body that passes, the code of a database failure, the outcome when the member's row is gone.
my @operations = (
    ['GET', $me, undef, 29201000, [404, 29301000]],
    ['PATCH', $me, { display_name => 'A' }, 29201000, [404, 29301000]],
    ['POST', "$me/verifications/email/start", { target => 'a@example.com' }, 29201000, [401, 29501000]],
    ['POST', "$me/verifications/email/confirm", { challenge_id => 'A' x 22, code => '123456' }, 29201000, [404, 29301000]],
    ['POST', "$me/verifications/phone/start", { target => '+886912345678' }, 29201000, [401, 29501000]],
    ['POST', "$me/verifications/phone/confirm", { challenge_id => 'A' x 22, code => '123456' }, 29201000, [404, 29301000]],
    ['GET', "$me/totp", undef, 29201000, [401, 29501000]],
    ['POST', "$me/totp/enroll-start", undef, 29601000, [401, 29501000]],
    ['POST', "$me/totp/enroll-confirm", { code => '123456' }, 29601000, [404, 29301000]],
    ['POST', "$me/totp/verify", { code => '123456' }, 29601000, [401, 29501000]],
    ['POST', "$me/totp/backup-codes", undef, 29601000, [404, 29301000]],
    ['DELETE', "$me/totp", undef, 29201000, [404, 29301000]],
    ['GET', "$me/totp/qr", undef, 29201000, [404, 29301000]],
);
my %cached = map { $_ => 1 } grep { /verifications/ } map { $_->[1] } @operations;

my ($pg, $memcached) = (own_postgres(), own_memcached());
my $server = own_server(pg => $pg, memcached => $memcached);
$server->{values}{CloudEPSMSTransport} = "\"spool:$server->{dir}/spool/sms\"";
$server->start;
my $anybody = client(server => $server);
my $member = register_member(server => $server);
my $client = $member->{client};

# Calls all of them; $expected says what of each.
sub all_answer {
    my ($who, $what, $expected) = @_;
    for my $operation (@operations) {
        my ($method, $path, $body) = @$operation;
        my ($status, $code) = $expected->(@$operation) or next;
        outcome($who->request($method, $path, $body), $status, $code, "$method $path: $what");
    }
}

# Waits until a part is back for every child of httpd: 16 requests at once are all answered with 200.
sub back {
    my ($what, @request) = @_;
    ok(wait_until(20, sub { !grep { $_->status != 200 } $client->parallel((\@request) x 16) }), $what);
}

# ---- no token

all_answer($anybody, 'no token', sub { (401, 29501000) });
all_answer($anybody->with(token => 'x.y.z'), 'not a token', sub { (401, 29501000) });
all_answer($anybody->with(token => $member->{refresh}), 'the refresh token', sub { (401, 29501000) });

# ---- memcached away

my $second = totp_enroll(register_member(server => $server), $server);
my $challenge = login($second)->data->{mfa_challenge_id};
my $mfa = '/api/v1/auth/login/mfa';
my $right = sub { { tenant_slug => $second->{slug}, challenge_id => $challenge, code => totp_code($second->{totp}) } };
expect_log(qr/CE101: |CE1240: |CE141: statement |AH00629|AH00639|AH02655|memcached/);
$memcached->stop;
all_answer($client, 'memcached is away', sub { $cached{ $_[1] } ? (500, 29601000) : () });
outcome(login($second), 500, 28601000, 'login with a second factor: memcached is away');
outcome($anybody->post($mfa, $right->()), 500, 28601000, 'login/mfa: memcached is away');
is($client->get($me)->status, 200, 'what does without it goes on');
is($client->get("$me/totp")->status, 200, 'also TOTP');
$memcached->start;
back('and the rest comes back by itself', 'POST', '/api/v1/auth/login',
    { tenant_slug => $second->{slug}, map { $_ => $second->{$_} } qw(email password) });

# ---- a statement that fails at the last moment

$challenge = login($second)->data->{mfa_challenge_id};
$pg->psql('REVOKE UPDATE ON cloudep.totp FROM cloudep_app');
outcome($anybody->post($mfa, $right->()), 500, 28201000, 'login/mfa: the code cannot be burned');
outcome($second->{client}->post("$me/totp/verify", { code => totp_code($second->{totp}) }), 500, 29601000,
    'totp/verify: the code cannot be burned');
$pg->psql('GRANT UPDATE ON cloudep.totp TO cloudep_app');
outcome($anybody->post($mfa, $right->()), 200, 102000, 'login/mfa: then the same challenge and the same code');

# ---- PostgreSQL away

$challenge = login($second)->data->{mfa_challenge_id};
totp_rewind($server, $second);
$pg->stop;
all_answer($client, 'PostgreSQL is away', sub { (500, $_[3]) });
outcome(login($second), 500, 28201000, 'login: PostgreSQL is away');
outcome($anybody->post($mfa, $right->()), 500, 28201000, 'login/mfa: PostgreSQL is away');
$pg->start;
back('and comes back', 'GET', $me);
outcome($anybody->post($mfa, $right->()), 200, 102000, 'login/mfa: the challenge has outlived it');
$pg->kill9;
all_answer($client, 'PostgreSQL has died', sub { (500, $_[3]) });
$pg->start;
back('and lives again', 'GET', $me);

# ---- sealed by nobody we know

my $keys = "$server->{keys}/sealing.jwks";
$pg->psql("UPDATE cloudep.totp SET secret = 'v1.nokey.AAAA' WHERE uid = :'uid'", uid => $second->{uid});
outcome($second->{client}->post("$me/totp/verify", { code => '123456' }), 500, 29601000, 'a secret that cannot be unsealed');
outcome($anybody->post($mfa, { %{ $right->() }, challenge_id => login($second)->data->{mfa_challenge_id} }), 500, 28601000,
    'nor at login');

# Sealed for another member: the row was copied.
my $third = totp_enroll(register_member(server => $server), $server);
$pg->psql("UPDATE cloudep.totp SET secret = (SELECT secret FROM cloudep.totp WHERE uid = :'from') WHERE uid = :'to'",
    from => $third->{uid}, to => $second->{uid});
outcome($second->{client}->post("$me/totp/verify", { code => totp_code($third->{totp}) }), 500, 29601000,
    "another member's secret opens nothing");
$pg->psql("UPDATE cloudep.backup_codes b SET mac = f.mac, generation = o.backup_generation FROM cloudep.totp o,"
        . " (SELECT mac, row_number() OVER () AS n FROM cloudep.backup_codes WHERE uid = :'from') f,"
        . " (SELECT mac, row_number() OVER () AS n FROM cloudep.backup_codes WHERE uid = :'to') t"
        . " WHERE b.uid = :'to' AND o.uid = b.uid AND b.mac = t.mac AND t.n = f.n", from => $third->{uid}, to => $second->{uid});
outcome($second->{client}->post("$me/totp/verify", { code => $third->{backup}[0] }), 403, 29505000, 'nor do their backup codes');

# ---- a member that is gone while the session lives, then a tenant that is gone

my $gone = register_member(tenant => tenant(server => $server));
my $tenant = $pg->value("SELECT id FROM cloudep.tenants WHERE slug = :'slug'", slug => $gone->{slug});
$pg->psql("DELETE FROM cloudep.members WHERE uid = :'uid'", uid => $gone->{uid});
all_answer($gone->{client}, 'the member is gone', sub { @{ $_[4] } });
$pg->psql("DELETE FROM cloudep.$_ WHERE tenant_id = :'id'", id => $tenant) for qw(events outbox budgets members invites);
$pg->psql("DELETE FROM cloudep.tenants WHERE id = :'id'", id => $tenant);
$server->stop;
$server->start;    # whose children have never heard of the tenant
all_answer($gone->{client}, 'the tenant is gone', sub { (500, 29601000) });

# ---- not configured

my $bare = own_server(pg => $pg, memcached => $memcached, keys => $server->{keys}, without => ['CloudEPDatabase'])->start;
all_answer(client(server => $bare, token => $member->{access}), 'no database is configured', sub { (501, 29605000) });
outcome(client(server => $bare)->post('/api/v1/auth/login', { tenant_slug => 'x', email => 'a@example.com', password => 'long enough 9' }),
    501, 28605000, 'login: no database is configured');
outcome(client(server => $bare)->post($mfa, $right->()), 501, 28605000, 'login/mfa: no database is configured');
for (
    [CloudEPMemcacheServer => qr/verifications/], [CloudEPSealingKeys => qr{verifications|totp/(?!$)}],
    [CloudEPMailTransport => qr{verifications/email}], [CloudEPSMSTransport => qr{verifications/phone}],
) {
    my ($directive, $off) = @$_;
    my $without = own_server(pg => $pg, memcached => $memcached, keys => $server->{keys}, without => [$directive],
        values => { CloudEPIssuer => $server->url })->start;
    my $caller = client(server => $without, token => $member->{access});
    all_answer($caller, "without $directive", sub { $_[1] =~ $off ? (501, 29605000) : () });
    is($caller->get($_)->status, 200, "GET $_ does without $directive") for $me, "$me/totp";
    next unless $directive eq 'CloudEPMemcacheServer';
    outcome(client(server => $without)->post('/api/v1/auth/login', { tenant_slug => $third->{slug}, email => $third->{email},
                password => $third->{password} }), 501, 28605000, 'login with a second factor takes memcached');
}

finish();
