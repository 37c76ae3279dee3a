# A login page on another host: the session is handed over to the browser that was sent there, once, and to no other.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Browser;
use CloudEP::Test;

my $acme = tenant();
my $member = register_member(tenant => $acme);
my $backend = CloudEP::Backend->start;
my ($ID, $APP, $THIRD, $UNLISTED) = map { "$_.example" } qw(id app third unlisted);
my @GUARD = ('AuthType CloudEP', 'AuthName x', 'CloudEPSessionCookie On', "CloudEPLoginPage https://$ID/login/", 'Require valid-user');

# One server of many hosts, behind a front end that ends TLS.
my $server = own_server(values => { CloudEPIssuer => "https://$ID", CloudEPApplicationOrigin => "https://$APP https://$THIRD:8443" }, with => [
        'CloudEPTLSProxy 127.0.0.0/8', 'RequestHeader set X-Forwarded-Proto https early',
        '<Location /account/api/auth>', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie', 'Require all granted', '</Location>',
        '<Location /account/api/members>', 'CloudEPServe members', 'CloudEPTokenDelivery cookie', 'Require all granted', '</Location>',
        '<Location /api/session>', 'CloudEPServe session', "CloudEPTenant $acme->{slug}", '</Location>',
        '<Location />', @GUARD, 'AuthMerging Off', '</Location>',
        (map { ("<Location $_>", 'AuthMerging Off', 'Require all granted', '</Location>') } '/account/api', '/api/session'),
        '<Location /page>', 'ProxyPass ' . $backend->url, '</Location>',
])->start;
my $client = client(server => $server, watch => undef);
my $AUTH = '/account/api/auth';
my @NAVIGATION = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document', Accept => 'text/html');

sub decode { my ($text) = @_; return $text =~ s/%([0-9A-F]{2})/chr hex $1/ger }
sub is_status { my ($answer, $status, $name) = @_; is($answer->status, $status, $name) or diag($answer->raw) }

# A browser: one jar for each host, as cookies of the prefix __Host- are.
sub on { my ($jars, $host) = @_; return $jars->{$host} //= CloudEP::Browser->new(client => $client, host => $host, scheme => 'https') }
sub visit { my ($jars, $host, $path) = @_; return on($jars, $host)->get($path, @NAVIGATION) }
sub entered {
    my ($jars) = @_;
    my $browser = on($jars, $ID);
    $browser->get("$AUTH/xsrf");
    my $answer = $browser->post("$AUTH/login", { tenant_slug => $acme->{slug}, email => $member->{email}, password => $member->{password} });
    $answer->status == 200 or die $answer->raw;
    return $jars;
}

# The address of the login page: what is behind its names.
sub sent { my ($answer) = @_; my %sent = map { my ($name, $value) = split /=/, $_, 2; ($name => decode($value)) } split /&/, ($answer->header('Location') // '') =~ s/^[^?]*\?//r; return \%sent }
sub handoff { my ($jars, %body) = @_; return on($jars, $ID)->post("$AUTH/handoff", \%body) }
sub path_of { my ($url) = @_; return $url =~ s{^https://[^/]+}{}r }

# From a guarded page to the login page, and the address that leads back.
sub way_back {
    my ($jars, $host, $path) = @_;
    my $sent = sent(visit($jars, $host, $path));
    my $answer = handoff($jars, %$sent);
    $answer->status == 200 or die $answer->raw;
    return $answer->data->{url};
}

# ---- there and back
my $jars = {};
my $answer = visit($jars, $APP, '/page?a=b&c=%2F');
is_status($answer, 303, 'a guarded page sends to the login page of another host');
like($answer->header('Location'), qr{^https://id\.example/login/\?return_to=https%3A%2F%2Fapp\.example%2Fpage%3Fa%3Db%26c%3D%252F&enter=[\w-]{43}$}, 'with the address and what to enter by');
my ($cookie) = CloudEP::Browser::set_cookies($answer);
is("$cookie->{name}; $cookie->{rest}; $cookie->{max_age}", '__Host-cloudep-enter; Path=/; Secure; HttpOnly; SameSite=Lax; 600', 'and a cookie of its own host');
unlike($answer->header('Location'), qr/\Q$cookie->{value}/, 'which it does not tell');
is_status(handoff($jars, %{ sent($answer) }), 400, 'without the XSRF header nothing is handed over');
is_status(handoff($jars, %{ sent($answer) }), 401, 'nor without a session');
entered($jars);
my $handed = handoff($jars, %{ sent($answer) });
outcome($handed, 200, 102000, 'with a session');
like($handed->data->{url}, qr{^https://app\.example/\.cloudep/enter\?code=[\w-]{44}$}, 'the answer is an address of that host');
my $enter = path_of($handed->data->{url});
secret($enter =~ s/.*=//r);
$answer = visit($jars, $APP, $enter);
is_status($answer, 303, 'which sends on');
like($answer->header('Location'), qr{^https://app\.example/page\?a=b&c=%2F$}, 'to the very page');
is($answer->header('Cache-Control'), 'no-store', 'without being kept');
is($answer->header('Referrer-Policy'), 'no-referrer', 'nor told to the page');
my %set = map { $_->{name} => $_ } CloudEP::Browser::set_cookies($answer);
is($set{'__Host-cloudep'}{rest}, 'Path=/; Secure; HttpOnly; SameSite=Lax', 'the session cookie of that host');
is($set{'__Host-cloudep-entered'}{max_age}, 10, 'and one that notes it for a moment, by the clock of the browser alone');
$answer = visit($jars, $APP, '/page?a=b&c=%2F');
is_status($answer, 200, 'lets in');
unlike($answer->body, qr/^Cookie:/mi, 'and the application gets no cookie of ours');
is_status(on($jars, $APP)->get('/page', Accept => '*/*'), 200, 'fetches too');
is_status(visit($jars, $APP, $enter), 400, 'a code serves once');

# ---- the same by the style "session"
my $styled = {};
my $sent = sent(visit($styled, $APP, '/page/session'));
my $page = on($styled, $ID);
$page->get('/api/session/');
is_status($page->post('/api/session/login', { email => $member->{email}, password => $member->{password} }), 204, 'a login by the session style');
$handed = $page->post('/api/session/handoff', $sent);
is(join(' ', keys %{ $handed->json }), 'url', 'hands over in an object of its own') or diag($handed->raw);
secret($handed->json->{url} =~ s/.*=//r);
is_status(visit($styled, $APP, path_of($handed->json->{url})), 303, 'the application\'s host takes it over');
is_status(visit($styled, $APP, '/page/session'), 200, 'and lets in');
is_status($page->post('/api/session/logout'), 204, 'a logout there');
is_status(visit($styled, $APP, '/page/session'), 303, 'is one everywhere');

# ---- the cookie of kind guard is for guarded Locations of that host
is_status(on($jars, $APP)->get('/account/api/members/me'), 401, 'it is none in an API');
is_status($client->get('/page', Host => $THIRD, Cookie => '__Host-cloudep=' . on($jars, $APP)->cookie('__Host-cloudep')), 401, 'nor on another host');
is_status($client->get('/page', Host => $ID, Cookie => '__Host-cloudep=' . on($jars, $APP)->cookie('__Host-cloudep')), 401, 'nor on that of the login page');
is_status(on($jars, $ID)->get('/account/api/members/me'), 200, 'the login page\'s own is');
my $url = way_back($jars, "$THIRD:8443", '/page/third');
like($url, qr{^https://third\.example:8443/\.cloudep/enter}, 'a third host, with a port');
is_status(visit($jars, "$THIRD:8443", path_of($url)), 303, 'is entered as well');
is_status(visit($jars, "$THIRD:8443", '/page/third'), 200, 'and lets in');

# ---- whom a code does not let in
for my $case (
    ['another browser', sub { my ($path) = @_; return visit({}, $APP, $path) }],
    ['another browser that was sent itself', sub { my ($path) = @_; my $theirs = {}; visit($theirs, $APP, '/page'); return visit($theirs, $APP, $path) }],
    ['another host', sub { my ($path) = @_; visit($jars, "$THIRD:8443", '/page'); return visit($jars, "$THIRD:8443", $path) }],
    ['another port', sub { my ($path) = @_; return on($jars, $APP)->get($path, Host => "$APP:444") }],
    ['a longer code', sub { my ($path) = @_; return visit($jars, $APP, "${path}x") }],
    ['another secret', sub { my ($path) = @_; return visit($jars, $APP, $path =~ s/.$/$& eq 'A' ? 'B' : 'A'/er) }],
    ['another id', sub { my ($path) = @_; return visit($jars, $APP, $path =~ s/code=\K./$& eq 'A' ? 'B' : 'A'/er) }],
    ['another name', sub { my ($path) = @_; return visit($jars, $APP, $path =~ s/code=/kode=/r) }],
    ['more in the query', sub { my ($path) = @_; return visit($jars, $APP, "$path&to=https://evil.example") }],
    ['none', sub { my ($path) = @_; return visit($jars, $APP, $path =~ s/\?.*//r) }],
) {
    my ($name, $try) = @$case;
    my $path = path_of(way_back_again($jars, $APP));
    my $refused = $try->($path);
    is_status($refused, 400, "$name: not let in");
    is_deeply([grep { $_->{name} eq '__Host-cloudep' } CloudEP::Browser::set_cookies($refused)], [], 'and no cookie');
    like($refused->body, qr{begin again}, 'but a page that says so');
    is_status(visit($jars, $APP, $path), 303, 'the right one is let in all the same');
}
sub way_back_again {
    my ($jars, $host) = @_;
    delete on($jars, $host)->{jar}{'__Host-cloudep'};
    delete on($jars, $host)->{jar}{"__Host-cloudep-$_"} for qw(enter entered);
    return way_back($jars, $host, '/page');
}
my $late = path_of(way_back_again($jars, $APP));
is_status($client->request(POST => $late, undef, Host => $APP), 405, 'only GET takes a code');
is_status($client->request(HEAD => $late, undef, Host => $APP), 405, 'HEAD does not');
is_status($client->get('/.cloudep/enter/x', Host => $APP), 401, 'another path is nothing');

# ---- 64 at once
my $once = path_of(way_back_again($jars, $APP));
my @headers = on($jars, $APP)->headers('GET');
my %count;
$count{ $_->status }++ for $client->parallel(map { [GET => $once, undef, @headers, @NAVIGATION] } 1 .. 64);
is_deeply(\%count, { 303 => 1, 400 => 63 }, 'of 64 at once one is let in');

# ---- two tabs
my $tabs = entered({});
my @both = map { sent(visit($tabs, $APP, "/page/$_")) } 1, 2;
for my $tab (@both) {
    my $back = path_of(handoff($tabs, %$tab)->data->{url});
    is(visit($tabs, $APP, $back)->header('Location'), $tab->{return_to}, 'each of two tabs comes back to its own page');
}

# ---- return_to: 40 forms and more
my $own = entered({});
my %ENTER = (enter => 'A' x 43);
for my $good (['/', "https://$ID/"], ['/page?x=y#z', "https://$ID/page?x=y#z"], ["https://$ID/page", "https://$ID/page"], ["HTTPS://ID.example:443/page", "https://$ID/page"]) {
    is(handoff($own, return_to => $good->[0], %ENTER)->data->{url}, $good->[1], "return_to $good->[0] is of this host");
}
is(handoff($own, return_to => "https://$APP/page")->data->{url}, "https://$APP/page", 'without enter it leads to a guard, which begins');
for my $bad (
    'https://evil.example/', 'http://app.example/', 'https://app.example:444/', 'https://app.example.evil.example/', 'https://evil.example/https://app.example/',
    'https://evilapp.example/', 'https://x.app.example/', 'https://app.example.', 'https://app.example@evil.example/', 'https://a:b@app.example/', 'https://app.example\\@evil.example/',
    'https://app.example%2eevil.example/', 'https://app.example:443@evil.example/', 'https://evil.example#https://app.example/', 'https://evil.example?https://app.example/',
    'https://third.example/', 'https://third.example:84430/', '//app.example/', '//evil.example', '///evil.example', '////evil.example', '/\\evil.example', '\\\\evil.example', '/\\/evil.example',
    "/\t/evil.example", "\t//evil.example", "/\n/evil.example", "/page\r\nSet-Cookie: a=b", 'javascript:alert(1)', 'JavaScript://app.example/%0aalert(1)', 'data:text/html,x', 'vbscript:x',
    'ftp://app.example/', 'https:app.example', 'https:/app.example', 'https:///app.example/', 'https://', 'https://:443/', 'app.example', 'page', './page', '../page', '?page', '#page', ' /page', '/pa ge',
    'https://[::1]/', 'https://0x7f.1/', "https://app.ex\x{e4}mple/", 'null', 'about:blank', 'blob:https://app.example/x', 'https://app.example/.cloudep/enter?code=x', '/.cloudep/enter?code=x', '/.cloudep/', 'x' x 8001, "/\x{2028}",
) {
    my $refused = handoff($own, return_to => $bad, %ENTER);
    is_status($refused, 400, 'return_to refused: ' . substr($bad =~ s/[^ -~]/?/gr, 0, 60));
}
is_status(handoff($own, return_to => "https://$APP/", enter => $_), 400, "enter refused: '$_'") for 'x', 'A' x 42, 'A' x 44, 'A' x 42 . '=', "A\nB";
is_status(handoff($own), 400, 'nothing to return to');
is_status(on($own, $ID)->post("$AUTH/handoff", { return_to => "https://$APP/", %ENTER }, Origin => "https://$APP", 'Sec-Fetch-Site' => 'same-site'), 403, 'an application cannot ask for a code');

# ---- nobody goes round
my $round = entered({});
is_status(visit($round, $APP, path_of(way_back($round, $APP, '/page'))), 303, 'entered');
delete on($round, $APP)->{jar}{'__Host-cloudep'};
is_status(visit($round, $APP, '/page'), 401, 'a browser that keeps the one cookie and not the other is not sent round');
my $unlisted = visit($round, $UNLISTED, '/page');
is_status($unlisted, 401, 'nor is anybody sent from a host that the login page cannot lead back to');
is_status(visit({}, $ID, '/page'), 303, 'the login page\'s own host needs no list');
like(visit({}, $ID, '/page')->header('Location'), qr/^[^&]*$/, 'and nothing to enter by');

# ---- the end of the session is the end everywhere
my $end = entered({});
visit($end, $_, path_of(way_back($end, $_, '/page'))) for $APP, "$THIRD:8443";
is_status(visit($end, $_, '/page'), 200, "in at $_") for $APP, "$THIRD:8443";
my $after = path_of(way_back_again($end, $APP));
is_status(on($end, $ID)->post("$AUTH/logout"), 200, 'a logout at the login page');
is_status(visit($end, "$THIRD:8443", '/page'), 303, 'the next click at an application leads to the login page');
is_status(visit($end, $APP, $after), 400, 'a code of that session is over');
is_status(on($end, "$THIRD:8443")->get('/page', Accept => '*/*'), 401, 'a fetch is 401');

# ---- settings
for my $bad (['https://app.example/', qr{CloudEPApplicationOrigin https://app\.example/: it takes scheme://host}], ['null', qr/CloudEPApplicationOrigin null/],
    ['*', qr/CloudEPApplicationOrigin/], ['https://App.example', qr/lower case/], ['https://app.example:443', qr/without :443/], ['http://app.example', qr/must be https/]) {
    like(own_server(values => { CloudEPApplicationOrigin => $bad->[0] })->refuses_to_start // 'it starts', $bad->[1], "CloudEPApplicationOrigin $bad->[0] stops the start");
}
for my $bad ('//evil.example', '/login?x', '/login#x', 'login', 'ftp://id.example/', 'http://id.example/', 'https://id.example/?x', '/a\\b') {
    like(own_server(with => ['<Location /x>', "CloudEPLoginPage \"$bad\"", '</Location>'])->refuses_to_start // 'it starts', qr/CloudEPLoginPage/, "CloudEPLoginPage $bad stops the start");
}
finish();
