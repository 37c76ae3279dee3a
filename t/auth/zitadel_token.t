# The access of our service account to ZITADEL: personal access token or key, renewal, the one retry, roles, hosts and
# certificates, and what httpd says at its start when something is wrong with them.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Process qw(run slurp spew wait_until);
use CloudEP::Zitadel;
use Time::HiRes qw(sleep);

my $zitadel = zitadel();
my $server = zitadel_server($zitadel, key => 1, values => { CloudEPZitadelFailures => 1000 });
my $tenant = zitadel_tenant($server, $zitadel);
my $client = client(server => $server);

# A login ends its session at ZITADEL in the background: waits until all have, so that none is counted later.
sub settle {
    wait_until(30, sub {
            my $seen = $zitadel->requests->{statuses};
            return ($seen->{'DELETE /v2/sessions/:id 200'} // 0) >= ($seen->{'POST /v2/sessions 201'} // 0);
    }) or diag('sessions are left at ZITADEL: ', explain($zitadel->requests->{statuses}));
}

# What the stand-in counted while the code ran: tokens given out, and 401s. The code that runs before must be settled.
sub counted {
    my ($code) = @_;
    settle();
    $zitadel->door(DELETE => 'requests');
    $code->();
    my $seen = $zitadel->requests;
    my $refused = 0;
    $refused += $seen->{statuses}{$_} for grep { / 401$/ } keys %{ $seen->{statuses} };
    return ($seen->{counts}{'POST /oauth/v2/token'} // 0, $refused);
}

# ---- a service account with a key
my $member;
my ($tokens, $refused) = counted(sub { $member = register_member(tenant => $tenant); outcome(login($member), 200, 102000, 'login') for 1 .. 6 });
cmp_ok($tokens, '>=', 1, 'a token is fetched with the key');
cmp_ok($tokens, '<=', 2, 'once in a child process');
is($refused, 0, 'and taken');

# Both children hold one now.
for my $what (qw(login register)) {
    $zitadel->door(POST => 'tokens', { revoke => 'issued' });
    ($tokens, $refused) = counted(sub {
            for (1 .. 8) {
                $what eq 'login' ? outcome(login($member), 200, 102000, 'a login with a token that is refused')
                    : outcome((register(client => $client, tenant => $tenant))[0], 200, 102000, 'a registration likewise');
            }
    });
    cmp_ok($tokens, '<=', 2, 'each child fetches one more');
    cmp_ok($refused, '<=', $tokens, 'after one refusal at most');    # a child that held none fetched without
}

# Many at once fetch one together.
$zitadel->door(POST => 'tokens', { revoke => 'issued' });
$zitadel->fault(path => '/oauth/v2/token', delay_ms => 300);
my @answers;
($tokens) = counted(sub {
        @answers = $client->parallel((['POST', '/api/v1/auth/login', { tenant_slug => $tenant->{slug}, email => $member->{email},
                        password => $member->{password} }]) x 8);
});
is(scalar(grep { $_->status == 200 } @answers), 8, 'eight logins at once all wait for the new token');
cmp_ok($tokens, '<=', 2, 'which is fetched once in a child process');
$zitadel->clear_faults;

# Renewal: after four fifths of a token's life. One child, which holds a token of that life for sure.
$zitadel->state(token_lifetime_s => 10);
my $single = zitadel_server($zitadel, key => 1, pg => $server->pg,
    with => ['StartServers 1', 'ServerLimit 1', 'MaxRequestWorkers 32', 'MinSpareThreads 1', 'MaxSpareThreads 33']);
my $same = { %$member, client => client(server => $single) };
outcome(login($same), 200, 102000, 'a login with a token that lives for ten seconds');
sleep 8.1;
($tokens, $refused) = counted(sub { outcome(login($same), 200, 102000, 'a login when the token is about to end') });
is($tokens, 1, 'a token is renewed before its end');
is($refused, 0, 'so that none is refused');
$single->stop;
$zitadel->state(token_lifetime_s => 43200);

# No token to be had: bounded, and once only.
expect_log(qr/CE614: .*no token/, qr/CE101: .*\(identity provider\)/);
$zitadel->fault(path => '/oauth/v2/token', status => 500, json => { error => 'server_error' });
$zitadel->door(POST => 'tokens', { revoke => 'issued' });
($tokens, $refused) = counted(sub { outcome(login($member), 502, 28802000, 'no new token to be had') });
is($tokens, 1, 'is asked for once');
like($server->log, qr/HTTP 500, refused \(an assertion is also refused when the clocks differ\)/, 'the log tells of clocks');
$zitadel->clear_faults;
outcome(login($member), 200, 102000, 'and right again');
$zitadel->fault(path => '/v2/sessions', error => { code => 16, id => 'AUTH-7fs1e' });
($tokens, $refused) = counted(sub { outcome(login($member), 502, 28802000, 'refused whatever the token') });
is($refused, 2, 'is tried twice, not more');
$zitadel->clear_faults;

# ---- a server of its own for each token of another role, in the same database
sub other { return zitadel_server($zitadel, pg => $server->pg, @_) }
sub at { my ($other) = @_; return { %$member, client => client(server => $other) } }
for my $role (qw(user_manager no_role no_membership)) {
    my $other = other(token => $zitadel->ready->{pats}{$role});
    outcome(login(at($other)), 502, 28802000, "login as $role");
    outcome((register(client => client(server => $other), tenant => $tenant))[0], $role eq 'user_manager' ? (200, 102000) : (502, 28802000),
        "register as $role");
    $other->stop;
}
my $revoked = other();
outcome(login(at($revoked)), 200, 102000, 'a personal access token');
settle();
$zitadel->door(POST => 'tokens', { revoke => 'pats' });
($tokens, $refused) = counted(sub { outcome(login(at($revoked)), 502, 28802000, 'that is revoked') });
is($refused, 1, 'is tried once: there is no other');
$zitadel->door(POST => 'tokens', { revoke => 'none' });
outcome(login(at($revoked)), 200, 102000, 'and given back');
$revoked->stop;

# ---- a host that is another instance's
my $elsewhere = other(values => { CloudEPZitadelURL => 'http://localhost:' . $zitadel->port . '/' });
outcome(login(at($elsewhere)), 502, 28802000, 'a host that ZITADEL does not know is no "no such user"');
outcome((register(client => client(server => $elsewhere), tenant => $tenant))[0], 502, 28802000, 'nor a registration');
$elsewhere->stop;

# ---- TLS
my $dir = CloudEP::Test::own_folder('tls');
run(undef, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext), 'subjectAltName=IP:127.0.0.1',
    '-keyout', "$dir/key.pem", '-out', "$dir/cert.pem");
my $secure = zitadel(certificate => "$dir/cert.pem", options => ['--cert', "$dir/cert.pem", '--cert-key', "$dir/key.pem"]);
my $trusting = zitadel_server($secure, key => 1, values => { CloudEPCAFile => "$dir/cert.pem" });
my $there = zitadel_tenant($trusting, $secure);
my $safe = register_member(tenant => $there);
outcome(login($safe), 200, 102000, 'over TLS, with a certificate that CloudEPCAFile vouches for');
$trusting->stop;
my $strict = zitadel_server($secure, pg => $trusting->pg);
outcome(login({ %$safe, client => client(server => $strict) }), 502, 28802000, 'not without');
$strict->stop;

# ---- the start
expect_log(qr/CE1: ZITADEL: CloudEPZitadel/, qr/AH00020: Configuration Failed/);
my %values = (CloudEPIdentityProvider => 'zitadel', CloudEPZitadelURL => 'https://login.example.com');
sub refuses {
    my ($pattern, $name, %more) = @_;
    like(own_server(values => { %values, %more })->refuses_to_start, $pattern, $name);
}
spew("$dir/token", "abc\n");
chmod 0644, "$dir/token";
refuses(qr/CloudEPZitadelTokenFile .* others read/, 'a token that everybody may read', CloudEPZitadelTokenFile => "$dir/token");
chmod 0600, "$dir/token";
refuses(qr/CloudEPZitadelURL .* must be https/, 'a URL without TLS', CloudEPZitadelTokenFile => "$dir/token",
    CloudEPZitadelURL => 'http://login.example.com');
refuses(qr/CloudEPZitadelURL .* not a URL/, 'no URL', CloudEPZitadelTokenFile => "$dir/token", CloudEPZitadelURL => 'login.example.com');
refuses(qr/only one of them/, 'two credentials', CloudEPZitadelTokenFile => "$dir/token", CloudEPZitadelKeyFile => "$dir/token");
refuses(qr/CloudEPZitadelKeyFile .* not a service account's key file/, 'a key file that is none', CloudEPZitadelKeyFile => "$dir/token");
for my $mode (0640, 0604, 0620, 0602) {
    chmod $mode, "$dir/token";
    refuses(qr/CloudEPZitadelKeyFile .* others read/, sprintf('a key file of mode %04o', $mode), CloudEPZitadelKeyFile => "$dir/token");
}
chmod 0600, "$dir/token";
for my $line ("\n", " \t\nabc\n", '', 'x' x 1025 . "\n") {
    spew("$dir/token", $line);
    chmod 0600, "$dir/token";
    refuses(qr/CloudEPZitadelTokenFile .*: the first line is empty, or longer than 1024 bytes/, length($line) . ' bytes that are no token',
        CloudEPZitadelTokenFile => "$dir/token");
}
spew("$dir/token", '{' . ' ' x 16384);
chmod 0600, "$dir/token";
refuses(qr/CloudEPZitadelKeyFile .*: longer than 16384 bytes/, 'a key file that is too long', CloudEPZitadelKeyFile => "$dir/token");
refuses(qr/CloudEPZitadelKeyFile .* No such file/, 'a key file that is not there', CloudEPZitadelKeyFile => "$dir/nothing");
spew("$dir/bad.json", JSON::PP->new->encode({ %{ $zitadel->ready->{key} }, key => slurp("$dir/cert.pem") }));
chmod 0600, "$dir/bad.json";
refuses(qr/CloudEPZitadelKeyFile .* not a service account's key file/, 'a certificate in place of the key', CloudEPZitadelKeyFile => "$dir/bad.json");
my $half = own_server(values => \%values)->start;
like($half->log, qr/CE10: .*identity provider \(CloudEPIdentityProvider\)/, 'without credentials the start says so');
outcome(client(server => $half)->post('/api/v1/auth/login', { tenant_slug => 'demo', email => fresh_email(), password => fresh_password() }),
    501, 28605000, 'and login is not configured');
$half->stop;

finish($server);
