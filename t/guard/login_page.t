# CloudEPLoginPage: a person in front of a guarded page is sent to log in, or to prove more, and comes back; nobody else is
# sent anywhere, and nobody goes round.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Browser;
use CloudEP::Process qw(spew);
use CloudEP::Test;
use File::Path qw(make_path);

my ($acme, $other) = (tenant(), tenant());
expect_log(qr/AH01631/);
my $member = register_member(tenant => $acme);
my $stranger = register_member(tenant => $other);
my $backend = CloudEP::Backend->start;
my $to = $backend->url;

my @GUARD = ('AuthType CloudEP', 'AuthName x', 'CloudEPSessionCookie On');
my @LOGIN = (@GUARD, 'CloudEPLoginPage /login/');
sub location { my ($path, @lines) = @_; return ("<Location $path>", @lines, '</Location>') }
my @PLACES = qw(file acme mfa fresh both any claim optional silent bare);
my $server = own_server(values => { CloudEPIssuer => server()->url }, with => [
        location('/account/api/auth', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie', 'Require all granted'),
        location('/file', @LOGIN, 'Require valid-user'),
        location('/acme', @LOGIN, "Require cloudep-tenant $acme->{slug}"),
        location('/mfa', @LOGIN, 'Require cloudep-mfa 300'),
        location('/fresh', @LOGIN, 'Require cloudep-fresh 300'),
        location('/both', @LOGIN, '<RequireAll>', "Require cloudep-tenant $acme->{slug}", 'Require cloudep-mfa 300', '</RequireAll>'),
        location('/any', @LOGIN, '<RequireAny>', "Require cloudep-tenant $acme->{slug}", 'Require cloudep-mfa 300', '</RequireAny>'),
        location('/claim', @LOGIN, 'Require cloudep-claim amr mfa'),
        location('/optional', @LOGIN, 'CloudEPTokenOptional On', 'Require all granted', "ProxyPass $to"),
        location('/app', @LOGIN, 'CloudEPTokenOrigin https://front.example', 'CloudEPIdentityHeaders On', 'Require valid-user', "ProxyPass $to"),
        location('/silent', @GUARD, 'Require valid-user'),
        location('/bare', 'AuthType CloudEP', 'AuthName x', 'CloudEPLoginPage /login/', 'Require valid-user'),
        location('/api/guarded', @GUARD, 'CloudEPServe members', 'Require valid-user'),
])->start;
for my $place (@PLACES) {
    make_path("$server->{dir}/htdocs/$place");
    spew("$server->{dir}/htdocs/$place/x", "inside $place");
}
my $client = client(server => $server, watch => undef);
my $HOST = "127.0.0.1:$server->{port}";
my @NAVIGATION = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document', Accept => 'text/html,*/*;q=0.8');

sub browser { return CloudEP::Browser->new(client => $client, @_) }
sub entered {
    my ($who) = @_;
    my $browser = browser();
    $browser->get('/account/api/auth/xsrf');
    my $answer = $browser->post('/account/api/auth/login', { tenant_slug => $who->{slug}, email => $who->{email}, password => $who->{password} });
    $answer->status == 200 or die $answer->raw;
    return $browser;
}
sub visit { my ($browser, $path, @headers) = @_; return $browser->get($path, @NAVIGATION, @headers) }
sub decode { my ($text) = @_; return $text =~ s/%([0-9A-F]{2})/chr hex $1/ger }

# Where a browser is sent: the parts of the login page's address.
sub sent_to {
    my ($answer) = @_;
    return {} if $answer->status != 303;
    my ($page, $query) = split /\?/, $answer->header('Location'), 2;
    return { page => $page, map { my ($name, $value) = split /=/, $_, 2; ($name => decode($value)) } split /&/, $query };
}
sub is_sent { my ($answer, $path, $need, $name) = @_;
    is_deeply(sent_to($answer), { page => '/login/', return_to => "http://$HOST$path", $need ? (need => $need) : () }, $name) or diag($answer->raw) }
sub is_status { my ($answer, $status, $name) = @_; is($answer->status, $status, $name) or diag($answer->raw) }

# ---- a visitor
my $visitor = browser();
my $answer = visit($visitor, '/file/x?a=b&c=%2F');
is_sent($answer, '/file/x?a=b&c=%2F', undef, 'a navigation without a session is sent to the login page');
is($answer->header('Cache-Control'), 'no-store', 'no cache keeps that');
is($answer->header('Referrer-Policy'), 'no-referrer', 'and the page behind it is told nothing');
is($answer->header('WWW-Authenticate'), undef, 'without a challenge');
for my $case (
    ['a fetch', 'Sec-Fetch-Mode' => 'cors', 'Sec-Fetch-Dest' => 'empty'],
    ['a frame', 'Sec-Fetch-Dest' => 'iframe'],
    ['a picture', 'Sec-Fetch-Mode' => 'no-cors', 'Sec-Fetch-Dest' => 'image'],
    ['server-sent events', 'Sec-Fetch-Mode' => 'cors', Accept => 'text/event-stream'],
    ['a WebSocket', Upgrade => 'websocket', Connection => 'Upgrade, close'],
    ['a program', 'Sec-Fetch-Mode' => undef, 'Sec-Fetch-Dest' => undef, Accept => '*/*'],
    ['one that wants JSON', 'Sec-Fetch-Mode' => undef, 'Sec-Fetch-Dest' => undef, Accept => 'application/json, text/html'],
    ['an old script', 'Sec-Fetch-Mode' => undef, 'Sec-Fetch-Dest' => undef, 'X-Requested-With' => 'XMLHttpRequest'],
    ['an old cross-origin script', 'Sec-Fetch-Mode' => undef, 'Sec-Fetch-Dest' => undef, Origin => "http://$HOST"],
) {
    my ($name, @headers) = @$case;
    my $refused = visit($visitor, '/file/x', @headers);
    is_status($refused, 401, "$name gets 401");
    is($refused->header('WWW-Authenticate'), 'Bearer realm="x"', 'and the challenge');
    is($refused->header('Location'), undef, 'and no address');
}
is_sent(visit($visitor, '/file/x', 'Sec-Fetch-Mode' => undef, 'Sec-Fetch-Dest' => undef), '/file/x', undef, 'a browser without Fetch Metadata is sent too');
is_status($client->request($_ => '/file/x', undef, @NAVIGATION), 401, "$_ is no navigation") for qw(HEAD POST OPTIONS DELETE);
is_status(visit($visitor, '/silent/x'), 401, 'without a login page 401');
is_status(visit($visitor, '/bare/x'), 401, 'and without CloudEPSessionCookie');
is_sent(visit($visitor, '/file/'), '/file/', undef, 'a folder');
is_sent(visit($visitor, $_), $_, undef, "the path $_") for '/file//evil.example', '/file/x?return_to=https://evil.example/', '/file/%5c%5cevil';
is_sent(visit($visitor, '/file/x?a="\\'), '/file/x?a=%22%5C', undef, 'what is no part of a URL is escaped');
is_sent($visitor->get("http://$HOST/file/x", @NAVIGATION), '/file/x', undef, 'the absolute form');
is_sent(visit($visitor, '/file/x?' . 'a' x 4000), '/file/x?' . 'a' x 4000, undef, 'a long query');
is_sent(visit($visitor, '/file/x?' . 'a' x 6000), '/file/x', undef, 'is left out when it is too long');
is(sent_to(visit($visitor, '/file/x', Host => 'evil.example'))->{return_to}, 'http://evil.example/file/x', 'the address is of the host that was asked');
is_status(visit($visitor, '/file/x', Host => 'a@evil.example'), 400, 'a host that is none is refused');

# ---- a member
my $browser = entered($member);
is(visit($browser, '/file/x')->body, 'inside file', 'the session cookie lets in');
is_status($browser->get('/file/x', Accept => '*/*'), 200, 'a fetch too');
is_status(client(server => $server, watch => undef, token => $member->{access})->get('/file/x'), 200, 'so does a token');
is_status($browser->get('/file/x', Authorization => 'Bearer x.y.z'), 401, 'a bad token does not become good by a cookie');
is_status(visit($browser, '/bare/x'), 401, 'nowhere else');
is_status($browser->get('/api/guarded/me'), 401, 'nor in an API, where it is not asked for the XSRF header');
my $page = visit($browser, '/app/page');
like($page->body, qr/^X-CloudEP-UID: \Q$member->{uid}\E\r$/mi, 'an application is told who it is');
unlike($page->body, qr/^Cookie:/mi, 'and gets no cookie of ours');
like($page->header('Vary'), qr/^(?=.*\bCookie\b).*\bAuthorization\b/, 'a page varies on the cookie');
is($page->header('Cache-Control'), 'private', 'and is for this browser only');
is_status($browser->post('/app/save', { a => 1 }), 200, 'a form of the own origin');
is_status($browser->post('/app/save', { a => 1 }, Origin => 'https://front.example', 'Sec-Fetch-Site' => 'same-site'), 200, 'one of a listed origin');
is_status($browser->post('/app/save', { a => 1 }, Origin => 'https://evil.example', 'Sec-Fetch-Site' => 'cross-site'), 401, 'one of another site');
is_status($browser->post('/app/save', { a => 1 }, Origin => 'null'), 401, 'one of nowhere');
is_status($browser->post('/app/save', { a => 1 }, Origin => undef), 200, 'one that says it is of the same origin');
is_status($browser->post('/app/save', { a => 1 }, Origin => undef, 'Sec-Fetch-Site' => 'same-site'), 401, 'one of a sibling without an Origin');
is_status($browser->post('/app/save', { a => 1 }, Origin => undef, 'Sec-Fetch-Site' => undef), 401, 'one that says nothing');
is_status($browser->get('/app/ws', Upgrade => 'websocket', Connection => 'Upgrade, close'), 401, 'a WebSocket without an Origin');
is_status($browser->get('/app/ws', Upgrade => 'websocket', Connection => 'Upgrade, close', Origin => "http://$HOST"), 200, 'one of the own origin');
is_status($browser->get('/app/events', Accept => 'text/event-stream', 'Sec-Fetch-Mode' => 'cors'), 200, 'server-sent events');
is_status(visit($browser, '/app/page', 'Sec-Fetch-Site' => 'cross-site'), 200, 'a link of another site leads in');

# ---- what a session lacks
is_status(visit($browser, '/acme/x'), 200, 'the right tenant');
my $wrong = entered($stranger);
for my $place (qw(acme both claim)) {
    my $refused = visit($wrong, "/$place/x");
    is_status($refused, 403, "$place: a lacking tenant or claim is 403, and never a redirect");
    like($refused->header('WWW-Authenticate') // '', qr/insufficient_scope/, 'with the challenge');
}
is_status($wrong->get('/acme/x'), 403, 'a fetch, too');
is_sent(visit($browser, '/mfa/x'), '/mfa/x', 'mfa', 'a lacking second factor');
is_sent(visit($browser, '/both/x'), '/both/x', 'mfa', 'of the right tenant');
is_sent(visit($wrong, '/any/x'), '/any/x', 'mfa', 'where it would be enough');
is_status(visit($browser, '/any/x'), 200, 'and not where it is not needed');
is(visit($browser, '/mfa/x')->header('WWW-Authenticate'), undef, 'without a challenge');
my $refused = $browser->get('/mfa/x', Accept => '*/*');
is_status($refused, 403, 'a fetch gets 403');
is_status(visit($browser, '/fresh/x'), 200, 'fresh after a login');
sub aged {
    my ($columns) = @_;
    $server->psql("UPDATE cloudep.sessions SET $columns WHERE uid = :'uid'", uid => $member->{uid});
}
aged("auth_time = now() - interval '1 hour', fresh_at = NULL");
is_sent(visit($browser, '/fresh/x'), '/fresh/x', 'fresh', 'and not an hour later');
is_status($browser->get('/fresh/x', Accept => '*/*'), 403, 'a fetch gets 403');
aged('fresh_at = now()');
is_status(visit($browser, '/fresh/x'), 200, 'reauthenticated');
aged('mfa_at = now()');
is_status(visit($browser, "/$_/x"), 200, "$_ after a second factor") for qw(mfa both);

# ---- where everybody may pass
like(visit($browser, '/optional/x')->header('Vary'), qr/Cookie/, 'an optional session');
is_status(visit($visitor, '/optional/x'), 200, 'a visitor passes');

# ---- the end
is_status($browser->post('/account/api/auth/logout'), 200, 'a logout') for my $old = $browser->copy;
is_sent(visit($old, '/file/x'), '/file/x', undef, 'the session is over: to the login page at the next click');
is_status($old->get('/file/x', Accept => '*/*'), 401, 'a fetch: 401');
is_status(visit($old, '/optional/x'), 200, 'where everybody may pass, so may they');
my $suspended = entered($member);
$server->ctl(qw(member suspend --tenant), $acme->{slug}, '--uid', $member->{uid});
is_sent(visit($suspended, '/file/x'), '/file/x', undef, 'suspended: to the login page, which says so');

finish();
