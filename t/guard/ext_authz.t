# The port that Envoy's ext_authz filter asks, configured by the very text of doc/guard.md: any method, path and host of the
# request that is to pass; 200 for who may, and for nobody else whatever the path leads to.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Client;
use CloudEP::Edge;
use CloudEP::Process qw(free_port spew);
use CloudEP::Test;

my $port = free_port();
my $server = own_server(values => { CloudEPIssuer => 'https://id.example.com', CloudEPApplicationOrigin => 'https://app.example.com' });
my $tenant = tenant(server => $server);
$server->prepare;
$server->{with} = [
    'CloudEPTLSProxy 127.0.0.0/8', 'RequestHeader set X-Forwarded-Proto https early',
    '<Location /account/api/auth>', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie', 'Require all granted', '</Location>',
    split /\n/, example('apache', '10.0.0.5:8081' => "127.0.0.1:$port",
        'cloudep-tenant acme' => "cloudep-tenant $tenant->{slug}")];
$server->start;
my $member = register_member(tenant => $tenant);
my $stranger = register_member(tenant => tenant(server => $server));
spew("$server->{dir}/htdocs/index.html", 'open to everybody');

# As Envoy asks: method, path and Host of the client's request, no body.
sub ask {
    my ($who, $method, $path, @headers) = @_;
    return CloudEP::Client->new(port => $port, token => $who ? $who->{access} : undef)
        ->request($method, $path, undef, Host => 'app.example.com', 'Content-Length' => 0, 'X-Envoy-Internal' => 'true', @headers);
}

my $yes = ask($member, 'GET', '/some/page?a=b');
is($yes->status, 200, 'a live session');
is($yes->header('X-CloudEP-UID'), $member->{uid}, 'the uid');
is($yes->header('X-CloudEP-Tenant'), $tenant->{slug}, 'the tenant');
like($yes->header('X-CloudEP-Session'), qr/^[0-9a-f-]{36}$/, 'the session');
is($yes->header('X-CloudEP-AMR'), 'otp', 'and how it was authenticated');
for my $method (qw(GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND QUERY)) {
    is(ask($member, $method, '/some/page')->status, 200, "$method of a member");
    is(ask(undef, $method, '/some/page')->status, 401, "$method of nobody");
}
my @preflight = (Origin => 'https://app.example', 'Access-Control-Request-Method' => 'PUT');
my $preflight = ask(undef, 'OPTIONS', '/some/page', @preflight);
is($preflight->status, 200, 'a preflight passes without a token');
is_deeply([grep { defined $preflight->header($_) } @IDENTITY], [], 'as nobody');
is(ask(undef, $_, '/some/page', @preflight)->status, 401, "$_ that looks like one does not") for qw(GET POST);
isnt(ask(undef, $_, '*')->status, 200, "$_ * is nobody's") for qw(OPTIONS TRACE GET);
isnt(ask(undef, 'TRACE', $_)->status, 200, "TRACE $_ is nobody's") for '/', '/index.html', '/api/v1/auth/verify';
my @paths = ('/', '/index.html', '/.well-known/jwks.json', '/api/v1/auth/verify', '/api/v1/auth/login', '/api/v1/members/me', '/../', '/a/../index.html', '//', '/%2e%2e/', '/.',
    '/a//../..', '/index.html/', '/?a', '/api/v1/auth/../..', '/server-status', '/%2f', '/a%2f..%2f..', '/a;b');
for my $path (@paths) {
    for my $method (qw(GET POST OPTIONS)) {
        my $no = ask(undef, $method, $path, map { $_ => 'admin' } @IDENTITY);
        isnt($no->status, 200, "$method $path is nobody's");
        is_deeply([grep { defined $no->header($_) } @IDENTITY], [], 'nor does it tell of anybody');
        isnt(ask($stranger, $method, $path)->status, 200, "$method $path is not another tenant's");
    }
}
my $no = ask(undef, 'POST', '/some/page');
is($no->header('WWW-Authenticate'), 'Bearer realm="members"', 'nobody is challenged');
is(ask($stranger, 'POST', '/some/page')->status, 403, 'another tenant');
is(ask({ access => 'x.y.z' }, 'GET', '/')->status, 401, 'a bad token');
is(ask($member, 'GET', '/', 'X-CloudEP-UID' => 'admin')->header('X-CloudEP-UID'), $member->{uid}, 'what the client says of itself is not repeated');

# ---- people
my ($app, $id) = map { CloudEP::Browser->new(client => CloudEP::Client->new(port => $_->[0]), host => "$_->[1].example.com", scheme => 'https') } [$port, 'app'], [$server->port, 'id'];
my @navigation = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document');
my $sent = $app->get('/some/page?a=b', @navigation);
is($sent->status, 303, 'a navigation without a session is sent to the login page');
like($sent->header('Location'), qr{^https://id\.example\.com/account/\?return_to=https%3A%2F%2Fapp\.example\.com%2Fsome%2Fpage%3Fa%3Db&enter=}, 'with the address');
is($app->get('/some/page', 'Sec-Fetch-Mode' => 'cors')->status, 401, 'a fetch is not');
my ($enter) = $sent->header('Location') =~ /&enter=(.*)/;
$id->get('/account/api/auth/xsrf');
is($id->post('/account/api/auth/login', { tenant_slug => $tenant->{slug}, email => $member->{email}, password => $member->{password} })->status, 200, 'a login');
my $back = $id->post('/account/api/auth/handoff', { return_to => 'https://app.example.com/some/page?a=b', enter => $enter })->data->{url};
is($app->get($back =~ s{^https://app\.example\.com}{}r, @navigation)->header('Location'), 'https://app.example.com/some/page?a=b', 'the way back leads to the very page');
my $by_cookie = $app->get('/some/page?a=b', @navigation);
is($by_cookie->status . ' ' . $by_cookie->header('X-CloudEP-UID'), "200 $member->{uid}", 'where the cookie lets in');
is(join(' ', map { $_ // '-' } map { $by_cookie->header($_) } 'Cookie', 'X-Envoy-Auth-Headers-To-Remove'), '- cookie', 'without cookies for the application');
$app->{jar}{theme} = 'dark';
$by_cookie = $app->get('/some/page?a=b', @navigation);
is(join(' ', map { $_ // '-' } map { $by_cookie->header($_) } 'Cookie', 'X-Envoy-Auth-Headers-To-Remove'), 'theme=dark -', 'but with its own');
is($app->post('/some/page', undef, Origin => 'https://evil.example', 'Sec-Fetch-Site' => 'cross-site')->status, 401, 'a form of another site has no session');

is($member->{client}->post('/api/v1/auth/logout', undef)->status, 200, 'after a logout');
is(ask($member, 'GET', '/some/page')->status, 401, 'the next request is refused');

expect_log(qr/AH01630|AH01631|AH01797|AH10244|AH00036/);
finish();
