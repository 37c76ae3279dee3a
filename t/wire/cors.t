# CORS: pages of listed origins may call the API and read its answers, refusals too; those of no other may.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Test;

my ($acme, $other) = (tenant(), tenant());
my $member = register_member(tenant => $acme);
my $stranger = register_member(tenant => $other);
my ($SERVER, $ACME, $OTHER, $EVIL) = map { "https://$_.example" } qw(server acme other evil);

# The lists of tenants are read again after ten seconds: a server that starts now knows these.
server()->ctl(qw(tenant set --slug), $acme->{slug}, '--origin', $ACME, '--origin', 'capacitor://localhost');
server()->ctl(qw(tenant set --slug), $other->{slug}, '--origin', $OTHER);
my $server = own_server(values => { CloudEPIssuer => server()->url, CloudEPAllowOrigin => "$SERVER http://localhost:3000" }, with => [
        '<Location /cookie/auth>', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie', 'Require all granted', '</Location>',
        '<Location /cookie/members>', 'CloudEPServe members', 'CloudEPTokenDelivery cookie', 'Require all granted', '</Location>',
        '<Location /acme>', 'CloudEPServe auth', "CloudEPTenant $acme->{slug}", 'Require all granted', '</Location>',
        '<Location /api/v1/auth/denied>', 'Require all denied', '</Location>',
])->start;
my $client = client(server => $server, watch => undef);
my ($LOGIN, $ME) = ('/api/v1/auth/login', '/api/v1/members/me');
sub body { my ($who) = @_; return { tenant_slug => $who->{slug}, email => $who->{email}, password => $who->{password} } }
sub allows { my ($answer) = @_; return $answer->header('Access-Control-Allow-Origin') // 'nobody' }
sub ask { my ($method, $path, $data, $origin, @more) = @_; return $client->request($method => $path, $data, Origin => $origin, @more) }
sub is_allowed {
    my ($answer, $status, $origin, $name) = @_;
    is(join(' ', $answer->status, allows($answer)), "$status $origin", $name) or diag($answer->raw);
    like($answer->header('Vary') // '', qr/\bOrigin\b/, 'and it varies on the origin');
}

# ---- answers
for my $case (
    ['the server lists it', $SERVER, $SERVER], ['a port', 'http://localhost:3000', 'http://localhost:3000'],
    ['the tenant lists it', $ACME, $ACME], ['an application', 'capacitor://localhost', 'capacitor://localhost'],
    ['another tenant lists it', $OTHER, 'nobody'], ['nobody lists it', $EVIL, 'nobody'], ['null', 'null', 'nobody'], ['a star', '*', 'nobody'],
    ['other case', 'https://ACME.example', 'nobody'], ['another port', "$ACME:8443", 'nobody'], ['another scheme', 'http://acme.example', 'nobody'],
    ['a longer name', "$ACME.evil.example", 'nobody'], ['a shorter name', 'https://acme.exampl', 'nobody'], ['two of them', "$SERVER, $ACME", 'nobody'],
) {
    my ($name, $origin, $allowed) = @$case;
    is_allowed(ask(POST => $LOGIN, body($member), $origin), 200, $allowed, "a login where $name");
    is_allowed(ask(GET => $ME, undef, $origin, Authorization => "Bearer $member->{access}"), 200, $allowed, 'the own profile');
    is_allowed(ask(POST => $LOGIN, { %{ body($member) }, password => 'Wrong-password-7' }, $origin), 401, $allowed, 'a refusal that knows the tenant');
}
my $answer = ask(POST => $LOGIN, body($member), $ACME);
is($answer->header('Access-Control-Expose-Headers'), 'Retry-After, X-Request-Id, WWW-Authenticate', 'what a page may read');
is($answer->header('Access-Control-Allow-Credentials'), undef, 'without cookies');
is_allowed($client->post($LOGIN, body($member)), 200, 'nobody', 'without an Origin');
is_allowed(ask(POST => $LOGIN, body($member), "http://127.0.0.1:$server->{port}"), 200, 'nobody', 'the own origin needs nothing');

# ---- no tenant was resolved: any tenant's list
for my $case (
    ['no tenant of that name', POST => $LOGIN, { %{ body($member) }, tenant_slug => 'no-such' }, 404], ['a missing field', POST => $LOGIN, {}, 400],
    ['not JSON', POST => $LOGIN, 'x', 400], ['no token', GET => $ME, undef, 401], ['no such path', GET => '/api/v1/auth/nothing', undef, 404],
    ['no such method', DELETE => $LOGIN, undef, 405], ['no such type', POST => $LOGIN, {}, 415, 'Content-Type' => 'text/plain'],
    ['httpd\'s own refusal', GET => '/api/v1/auth/denied', undef, 403], ['too large a body', POST => $LOGIN, 'x' x 20000, 413],
) {
    my ($name, $method, $path, $data, $status, @more) = @$case;
    is_allowed(ask($method => $path, $data, $_, @more), $status, $_, "$name: $_") for $SERVER, $ACME, $OTHER;
    is_allowed(ask($method => $path, $data, $EVIL, @more), $status, 'nobody', "$name: $EVIL");
}

# ---- preflights
sub preflight { my ($path, $origin, @more) = @_; return ask(OPTIONS => $path, undef, $origin, 'Access-Control-Request-Method' => 'POST', 'Access-Control-Request-Headers' => 'content-type', @more) }
for my $origin ($SERVER, $ACME, $OTHER) {
    my $allowed = preflight($LOGIN, $origin);
    is_allowed($allowed, 200, $origin, "a preflight of $origin");
    is($allowed->header('Access-Control-Allow-Methods'), 'OPTIONS, POST', 'tells the methods');
    like($allowed->header('Access-Control-Allow-Headers'), qr/\bAuthorization, Content-Type\b.*\bX-XSRF-TOKEN\b/, 'the headers');
    is($allowed->header('Access-Control-Max-Age'), 600, 'and for how long');
}
my $refused = preflight($LOGIN, $EVIL);
is_allowed($refused, 200, 'nobody', "a preflight of $EVIL");
is($refused->header($_), undef, "has no $_") for map { "Access-Control-$_" } qw(Allow-Methods Allow-Headers Max-Age Expose-Headers);
is(preflight($LOGIN, $SERVER, 'Access-Control-Request-Method' => undef)->header('Access-Control-Allow-Methods'), undef, 'a plain OPTIONS is none');
is_allowed(preflight('/api/v1/members/nothing', $SERVER), 404, $SERVER, 'a path that there is not');
is_allowed(preflight('/acme/login', $ACME), 200, $ACME, 'where a Location has a tenant, its list');
is_allowed(preflight('/acme/login', $OTHER), 200, 'nobody', 'and no other');

# ---- cookies: only of the same site, and only of the server's list
sub browser { my $browser = CloudEP::Browser->new(client => $client); $browser->get('/cookie/auth/xsrf'); return $browser }
my $browser = browser();
is($browser->post('/cookie/auth/login', body($member))->status, 200, 'a login by cookie');
sub read_by { my ($origin, $site) = @_; return $browser->get('/cookie/members/me', Origin => $origin, 'Sec-Fetch-Site' => $site) }
$answer = read_by($SERVER, 'same-site');
is_allowed($answer, 200, $SERVER, 'a listed origin of the same site reads');
is($answer->header('Access-Control-Allow-Credentials'), 'true', 'with cookies');
for my $case (['of another site', $SERVER, 'cross-site'], ['of a tenant\'s list', $ACME, 'same-site'], ['of no list', $EVIL, 'same-site'], ['that says nothing of its site', $SERVER, undef]) {
    my ($name, $origin, $site) = @$case;
    $answer = read_by($origin, $site);
    is($answer->status, 401, "an origin $name has no session");
    is($answer->header('Access-Control-Allow-Credentials'), undef, 'and brings no cookies');
}
is($browser->patch('/cookie/members/me', { display_name => 'X' }, Origin => $SERVER, 'Sec-Fetch-Site' => 'same-site', 'X-XSRF-TOKEN' => undef)->status, 400, 'it changes nothing without the XSRF header');

# ---- the list is read again
$server->ctl(qw(tenant set --slug), $acme->{slug}, '--remove-origin', $ACME, '--origin', 'https://new.example');
my $deadline = time + 60;
my $in_row = 0;    # every child reads for itself
while ($in_row < 20 && time < $deadline) {
    $in_row = allows(preflight($LOGIN, 'https://new.example')) ne 'nobody' && allows(preflight($LOGIN, $ACME)) eq 'nobody' ? $in_row + 1 : 0;
    select undef, undef, undef, 0.1;
}
is($in_row, 20, 'within some seconds an origin that is added counts, and one that is removed does not');

# ---- settings
like(own_server(values => { CloudEPAllowOrigin => $_ })->refuses_to_start // 'it starts', qr/CloudEPAllowOrigin \S+: it (?:takes|is written)/, "CloudEPAllowOrigin $_ stops the start")
    for '*', 'null', 'https://app.example/', 'https://App.example', 'https://app.example:443', 'app.example';
expect_log(qr/AH01630|AH00561|AH01797/);
finish();
