# Forward auth for people: where CloudEPSessionCookie is On, verify takes the session cookie of the host that the asking server
# names, tells a browser that navigates the login page, and answers the cookies that the application is to get.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Test;

my ($acme, $other) = (tenant(), tenant());
my $member = register_member(tenant => $acme);
my ($APP, $ID) = qw(app.example id.example);
sub location { my ($path, @lines) = @_; return ("<Location $path>", @lines, 'Require all granted', '</Location>') }
my $server = own_server(values => { CloudEPIssuer => "https://$ID", CloudEPApplicationOrigin => "https://$APP" }, with => [
        'CloudEPTLSProxy 127.0.0.0/8', 'RequestHeader set X-Forwarded-Proto https early',
        location('/account/api/auth', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie'),
        location('/api/v1/auth/verify', 'CloudEPSessionCookie On', "CloudEPLoginPage https://$ID/login/", 'CloudEPTokenOrigin https://front.example', 'CloudEPTokenCookie token'),
        location('/own', 'CloudEPServe auth', 'CloudEPSessionCookie On', 'CloudEPLoginPage /login/'),
        location('/silent', 'CloudEPServe auth', 'CloudEPSessionCookie On'),
        location('/off', 'CloudEPServe auth', "CloudEPLoginPage https://$ID/login/"),
])->start;
my $client = client(server => $server);
my $AUTH = '/account/api/auth';
my %PAGE = ('X-Forwarded-Method' => 'GET', 'X-Forwarded-Host' => $APP, 'X-Forwarded-Uri' => '/page?a=b');
my %NAVIGATION = (%PAGE, 'Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document', Accept => 'text/html');

# The session cookie of the application's host, by the whole way there.
sub entered {
    my ($who) = @_;
    my ($id, $app) = map { CloudEP::Browser->new(client => client(server => $server, watch => undef), host => $_, scheme => 'https') } $ID, $APP;
    my $sent = ask('', Host => $ID, %NAVIGATION);
    $app->keep($sent);
    my ($enter) = $sent->header('Location') =~ /&enter=(.*)/;
    $id->get("$AUTH/xsrf");
    $id->post("$AUTH/login", { tenant_slug => $who->{slug}, email => $who->{email}, password => $who->{password} })->status == 200 or die;
    my $url = $id->post("$AUTH/handoff", { return_to => "https://$APP/page", enter => $enter })->data->{url};
    my $back = $app->get($url =~ s{^https://\Q$APP\E}{}r);
    $back->status == 303 or die $back->raw;
    return ($app->cookie('__Host-cloudep'), $id->cookie('__Host-cloudep'), $id, $app->cookie('__Host-cloudep-enter'));
}
sub ask { my ($query, @headers) = @_; return $client->get(($query =~ m{^/} ? '' : '/api/v1/auth/verify') . $query, @headers) }
sub is_status { my ($answer, $status, $name) = @_; is($answer->status, $status, $name) or diag($answer->raw) }

# ---- nobody
my $answer = outcome(ask('', %NAVIGATION), 401, 28501000, 'a navigation without a session');
is($answer->json->{reason}, 'token_missing', 'as it is for anybody');
like($answer->header('Location') // '', qr{^https://\Q$ID\E/login/\?return_to=https%3A%2F%2Fapp\.example%2Fpage%3Fa%3Db&enter=[\w-]{43}$}, 'is told the login page');
like($answer->header('Set-Cookie') // '', qr/^__Host-cloudep-enter=[\w-]{22}; .*Secure; HttpOnly/, 'with the cookie to come back by');
is($answer->header('WWW-Authenticate'), 'Bearer realm="CloudEP"', 'beside the challenge');
for my $case (
    ['a fetch', 'Sec-Fetch-Mode' => 'cors', 'Sec-Fetch-Dest' => 'empty'], ['a frame', 'Sec-Fetch-Dest' => 'iframe'], ['a POST', 'X-Forwarded-Method' => 'POST'],
    ['HEAD', 'X-Forwarded-Method' => 'HEAD'], ['a method that is not told', 'X-Forwarded-Method' => undef], ['two methods', 'X-Original-Method' => 'POST'], ['two methods the other way', 'X-Forwarded-Method' => 'POST', 'X-Original-Method' => 'GET'], ['a WebSocket', Upgrade => 'websocket'],
    ['a host that is not told', 'X-Forwarded-Host' => undef], ['a host that is not listed', 'X-Forwarded-Host' => 'unlisted.example'],
    (map { ["the host $_", 'X-Forwarded-Host' => $_] } "$APP, $ID", "$APP/x", "$APP?x", "a\@$APP", '', "$APP:x"),
) {
    my ($name, @headers) = @$case;
    my $refused = outcome(ask('?redirect=on', %NAVIGATION, @headers), 401, 28501000, "$name is refused");
    is($refused->header('Location'), undef, 'and sent nowhere');
    is($refused->header('Set-Cookie'), undef, 'without a cookie');
}
for my $case (
    ['the method in the other header', "/page?a=b", 'X-Forwarded-Method' => undef, 'X-Original-Method' => 'GET'], ['the same in both', '/page?a=b', 'X-Original-Method' => 'GET'],
    ['no path', '/', 'X-Forwarded-Uri' => undef], ['a path without its slash', '/page', 'X-Forwarded-Uri' => 'page'], ['an absolute form', '/x?y', 'X-Forwarded-Uri' => 'http://evil.example/x?y'],
    ['two slashes', '//evil.example', 'X-Forwarded-Uri' => '//evil.example'], ['what is no part of a URL', '/%22%5C', 'X-Forwarded-Uri' => '/"\\'],
) {
    my ($name, $path, @headers) = @$case;
    my ($return_to) = (ask('', %NAVIGATION, @headers)->header('Location') // '') =~ /return_to=([^&]*)/;
    is(($return_to // '') =~ s/%(..)/chr hex $1/ger, "https://$APP$path", "$name: the address to come back to");
}
$answer = ask('?redirect=on', %NAVIGATION);
is_status($answer, 303, 'redirect=on: the browser is sent there');
like($answer->header('Location') // '', qr{^https://\Q$ID\E/login/\?return_to=}, 'by the same address');
is($answer->header('Cache-Control'), 'no-store', 'which nobody keeps');
is($answer->header('Referrer-Policy'), 'no-referrer', 'nor tells');
is($answer->header('WWW-Authenticate'), undef, 'without a challenge');
is(ask('/own/verify', %NAVIGATION)->header('Location'), "/login/?return_to=https%3A%2F%2F$APP%2Fpage%3Fa%3Db", 'a login page of the same host');
is(ask('/silent/verify', %NAVIGATION)->header('Location'), undef, 'none where there is no login page');
is(ask('/off/verify?redirect=on', %NAVIGATION)->header('Location'), undef, 'nor without CloudEPSessionCookie');
outcome(client(server => $server, token => $member->{access})->get("/api/v1/auth/verify?redirect=$_"), 401, 28501000, "redirect=$_ of nobody") for 'off', '';

# ---- a member
my ($cookie, $own, $id, $enter) = entered($member);
sub with { my ($query, %headers) = @_; return ask($query, %PAGE, Cookie => "__Host-cloudep=$cookie", %headers) }
$answer = with("?tenant=$acme->{slug}");
is_status($answer, 204, 'the session cookie of that host lets in');
is($answer->header('X-CloudEP-UID'), $member->{uid}, 'as the member');
is($answer->header('Cookie'), undef, 'none of the cookies is left');
is(with('', Cookie => "a=1; __Host-cloudep=$cookie; b=2; XSRF-TOKEN=mine; XSRF-TOKEN=ce1.x; __Host-cloudep-enter=x")->header('Cookie'), 'a=1; b=2; XSRF-TOKEN=mine', 'ours are not for the application');
outcome(with('?redirect=off'), 400, 10101000, 'redirect=off means nothing');
is_status(with('', 'X-Forwarded-Host' => uc $APP), 204, 'a host is one in capitals too');
is_status(with('', 'X-Forwarded-Host' => "$APP:8443"), 204, 'and with a port');
for my $case (
    ['no host', 'X-Forwarded-Host' => undef], ['another host', 'X-Forwarded-Host' => $ID], ['two hosts', 'X-Forwarded-Host' => "$APP, $ID"],
    ['no method', 'X-Forwarded-Method' => undef], ['two methods', 'X-Original-Method' => 'POST'], ['two methods the other way', 'X-Forwarded-Method' => 'POST', 'X-Original-Method' => 'GET'], ['a POST of nowhere', 'X-Forwarded-Method' => 'POST'],
    ['a fetch of another site', Origin => 'https://evil.example'], ['a WebSocket without an Origin', Upgrade => 'websocket'],
    ['a form of another site', 'X-Forwarded-Method' => 'POST', Origin => 'https://evil.example', 'Sec-Fetch-Site' => 'cross-site'],
    ['the cookie of the login page', Cookie => "__Host-cloudep=$own"], ['it twice', Cookie => "__Host-cloudep=$cookie; __Host-cloudep=$cookie"],
) {
    my ($name, @headers) = @$case;
    is_status(with('', @headers), 401, "$name: no session");
}
for my $case (['HEAD', 'X-Forwarded-Method' => 'HEAD'], ['a form of the own host', 'X-Forwarded-Method' => 'POST', Origin => "https://$APP"], ['one that says so', 'X-Forwarded-Method' => 'DELETE', 'Sec-Fetch-Site' => 'same-origin'],
    ['one of CloudEPTokenOrigin', 'X-Forwarded-Method' => 'POST', Origin => 'https://front.example'], ['a WebSocket of the own host', Upgrade => 'websocket', Origin => "https://$APP"]) {
    my ($name, @headers) = @$case;
    is_status(with('', @headers), 204, "$name: a session");
}
is_status(ask('', %PAGE, Host => $ID, 'X-Forwarded-Host' => $ID, Cookie => "__Host-cloudep=$own"), 204, 'the cookie of a login counts where it was set');
is_status(ask('/off/verify', %PAGE, Host => $APP, Cookie => "__Host-cloudep=$cookie"), 401, 'and none without CloudEPSessionCookie');
is(client(server => $server, token => client_token())->get('/off/verify', Cookie => 'a=1')->header('Cookie'), undef, 'which answers no cookies');
is_status(with('', Authorization => 'Bearer x.y.z'), 401, 'a bad token does not become good by a cookie');
is(client(server => $server, token => client_token())->get('/api/v1/auth/verify', Cookie => 'a=1')->header('Cookie'), 'a=1', 'with a token the application gets its cookies, too');
is(ask('?preflight=on', %PAGE, 'X-Forwarded-Method' => 'OPTIONS', Origin => 'https://x.example', 'Access-Control-Request-Method' => 'PUT', Cookie => 'a=1')->header('Cookie'), 'a=1', 'and with a preflight');
sub client_token { our $token //= $client->post('/api/v1/auth/login', { tenant_slug => $acme->{slug}, email => $member->{email}, password => $member->{password} })->data->{access_token}; return $token }
sub by_token_cookie { my (%headers) = @_; return ask('', %PAGE, Cookie => 'token=' . client_token(), %headers) }
is_status(by_token_cookie(), 204, 'the cookie of CloudEPTokenCookie counts as ever');
is_status(by_token_cookie('X-Forwarded-Method' => 'POST'), 401, 'but for no POST without an Origin');

my $round = outcome(ask('?redirect=on', %NAVIGATION, Cookie => "__Host-cloudep-enter=$enter; __Host-cloudep-entered=1"), 401, 28501000, 'a browser that was let in and kept no session cookie');
is($round->header('Location'), undef, 'is not sent round in circles');

# ---- what a session lacks
sub aged { my ($columns) = @_; $server->psql("UPDATE cloudep.sessions SET $columns WHERE uid = :'uid'", uid => $member->{uid}) }
sub lacks {
    my ($query, $need, $reason, %headers) = @_;
    my $refused = with($query, %NAVIGATION, %headers);
    is_status($refused, 403, "$query: refused");
    is($refused->json->{reason}, $reason, "as $reason");
    like($refused->header('Location') // 'none', $need ? qr{^https://\Q$ID\E/login/\?return_to=[^&]*&need=$need&enter=} : qr/^none$/, 'and sent to prove ' . ($need // 'nothing'));
}
lacks('?mfa=60', 'mfa', 'second_factor_too_old');
aged("auth_time = now() - interval '1 hour', fresh_at = NULL");
lacks('?fresh=60', 'fresh', 'fresh_proof_needed');
lacks("?tenant=$other->{slug}", undef, 'tenant_mismatch');
lacks("?tenant=$other->{slug}&mfa=60&redirect=on", undef, 'tenant_mismatch');
lacks('?mfa=60', undef, 'second_factor_too_old', 'Sec-Fetch-Mode' => 'cors');
$answer = with('?fresh=60&redirect=on', %NAVIGATION);
is_status($answer, 303, 'redirect=on: the browser is sent to prove it');
like($answer->header('Location') // '', qr/&need=fresh&/, 'as it is told');
is_deeply([grep { defined $answer->header($_) } qw(X-CloudEP-UID Cookie)], [], 'and nothing is told of who it is');

# ---- the end
is_status($id->post("$AUTH/logout"), 200, 'a logout');
$answer = outcome(with('', %NAVIGATION), 401, 28501000, 'the session is over');
is($answer->json->{reason}, 'token_invalid', 'as the reason says');
like($answer->header('Location') // '', qr/return_to=/, 'to the login page at the next click');
is(with('?x=y', %NAVIGATION)->json->{reason}, 'token_invalid', 'before the query is looked at');
finish();
