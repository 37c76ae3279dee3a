# AuthType CloudEP in front of files, a proxied backend and CGI-like readers: only live sessions get through.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Process qw(spew);
use CloudEP::Test;
use File::Path qw(make_path);

my ($acme, $other) = (tenant(), tenant());
my $member = register_member(tenant => $acme);
my $stranger = register_member(tenant => $other);

my $backend = CloudEP::Backend->start;
my $to = $backend->url;

sub location { my ($path, @lines) = @_; return ("<Location $path>", 'AuthType CloudEP', 'AuthName x', 'AuthzSendForbiddenOnFailure On', @lines, '</Location>') }
my $server = own_server(values => { CloudEPIssuer => server()->url }, with => [
        location('/file', 'Require valid-user'),
        location('/acme', "Require cloudep-tenant $acme->{slug}"),
        location('/both', '<RequireAll>', 'Require valid-user', "Require not cloudep-tenant $other->{slug}", '</RequireAll>'),
        location('/any', '<RequireAny>', "Require cloudep-tenant $acme->{slug}", "Require cloudep-claim sub $stranger->{uid}", '</RequireAny>'),
        location('/mfa', 'Require cloudep-mfa 300'),
        location('/fresh', 'Require cloudep-fresh 300'),
        location('/usual', 'Require cloudep-fresh'),
        location('/amr', 'Require cloudep-claim amr otp'),
        location('/part', 'Require cloudep-claim amr ot'),
        location('/optional', 'Require all granted', 'CloudEPTokenOptional On', "ProxyPass $to"),
        location('/app', 'Require valid-user', 'CloudEPIdentityHeaders On', "ProxyPass $to"),
        location('/bare', 'Require valid-user', 'CloudEPIdentityHeaders On', 'CloudEPStripToken On', "ProxyPass $to"),
        location('/cookie', 'Require valid-user', 'CloudEPTokenCookie access', 'CloudEPTokenOrigin https://app.example', "ProxyPass $to"),
        location('/cors', 'Require valid-user', 'CloudEPPreflight On', "ProxyPass $to"),
        '<Location /open>', "ProxyPass $to", '</Location>',
])->start;
make_path("$server->{dir}/htdocs/$_") for qw(file acme both any mfa fresh usual amr part);
spew("$server->{dir}/htdocs/$_/index.html", "inside $_") for qw(file acme both any mfa fresh usual amr part);

sub as { my ($who, %more) = @_; return client(server => $server, watch => undef, token => $who ? $who->{access} : undef, %more) }
sub page { my ($who, $path, @headers) = @_; return as($who)->get($path, @headers) }
sub is_page { my ($answer, $status, $name) = @_; is($answer->status, $status, $name) or diag($answer->raw) }

# ---- files
my $without = page(undef, '/file/index.html');
is_page($without, 401, 'a file without a token');
is($without->header('WWW-Authenticate'), 'Bearer realm="x"', 'the challenge names no error');
like($without->header('Content-Type'), qr{text/html}, 'a browser gets a page');
my $json = page(undef, '/file/index.html', Accept => 'application/json');
is($json->code, 10501000, 'a program gets the envelope');
my $bad = page({ access => 'x.y.z' }, '/file/index.html');
is_page($bad, 401, 'a bad token');
like($bad->header('WWW-Authenticate'), qr/error="invalid_token"/, 'the challenge says so');
my $good = page($member, '/file/index.html');
is_page($good, 200, 'a live session');
is($good->body, 'inside file', 'reads the file');
is_page(page($member, '/file/'), 200, 'and through an internal redirect, the index');
is_page(page(undef, '/file/'), 401, 'which does not open it to others');
is_page(page(undef, "/file/index.html?access_token=$member->{access}"), 401, 'a token in the URL means nothing');
is_page(page({ access => $member->{refresh} }, '/file/index.html'), 401, 'a refresh token is no access token');

# ---- Require
is_page(page($member, '/acme/index.html'), 200, 'the right tenant');
my $wrong = page($stranger, '/acme/index.html', Accept => 'application/json');
is_page($wrong, 403, 'another tenant');
is($wrong->code, 10505000, 'in the envelope');
like($wrong->header('WWW-Authenticate') // '', qr/insufficient_scope/, 'with insufficient_scope');
is_page(page(undef, '/acme/index.html'), 401, 'nobody');
is_page(page($member, '/both/index.html'), 200, 'RequireAll with not');
is_page(page($stranger, '/both/index.html'), 403, 'and its refusal');
is_page(page($_, '/any/index.html'), 200, 'RequireAny') for $member, $stranger;
is_page(page($member, '/mfa/index.html'), 403, 'no second factor');
server()->psql("UPDATE cloudep.sessions SET mfa_at = now() WHERE uid = :'uid'", uid => $member->{uid});
is_page(page($member, '/mfa/index.html'), 200, 'a recent one');
server()->psql("UPDATE cloudep.sessions SET mfa_at = now() - interval '1 hour' WHERE uid = :'uid'", uid => $member->{uid});
is_page(page($member, '/mfa/index.html'), 403, 'an old one');

# The last proof: [opened, reauthenticated, second factor] so many seconds ago, and whether that is within 300 and 900.
my $enrolled = sub {
    server()->psql("INSERT INTO cloudep.totp (tenant_id, uid, secret, enrolled_at) SELECT tenant_id, uid, CASE WHEN :'on' THEN 's' END, CASE WHEN :'on' THEN now() END"
            . " FROM cloudep.members WHERE uid = :'uid' ON CONFLICT (tenant_id, uid) DO UPDATE SET secret = excluded.secret, enrolled_at = excluded.enrolled_at",
        uid => $member->{uid}, on => $_[0]);
};
for my $case (
    ['opened just now', 'f', 5, undef, undef, 200, 200],
    ['opened ten minutes ago', 'f', 600, undef, undef, 403, 200],
    ['opened an hour ago', 'f', 3600, undef, undef, 403, 403],
    ['reauthenticated just now', 'f', 3600, 5, undef, 200, 200],
    ['reauthenticated ten minutes ago', 'f', 3600, 600, undef, 403, 200],
    ['a second factor that is removed since', 'f', 3600, undef, 5, 200, 200],
    ['with TOTP, opened just now', 't', 5, undef, undef, 403, 403],
    ['with TOTP, reauthenticated just now', 't', 3600, 5, undef, 403, 403],
    ['with TOTP, which was proved just now', 't', 3600, undef, 5, 200, 200],
    ['with TOTP, proved ten minutes ago', 't', 5, 5, 600, 403, 200],
) {
    my ($name, $totp, $opened, $fresh, $mfa, @expected) = @$case;
    $enrolled->($totp);
    server()->psql(join(', ', "UPDATE cloudep.sessions SET auth_time = now() - interval '$opened seconds'",
            map { "$_->[0] = " . (defined $_->[1] ? "now() - interval '$_->[1] seconds'" : 'NULL') } ['fresh_at', $fresh], ['mfa_at', $mfa])
            . " WHERE uid = :'uid'", uid => $member->{uid});
    is(join(' ', map { page($member, "/$_/index.html")->status } qw(fresh usual)), "@expected", "cloudep-fresh: $name");
}
$enrolled->('f');
is_page(page(undef, '/fresh/index.html'), 401, 'nobody is fresh');

is_page(page($member, '/amr/index.html'), 200, 'a claim that is there');
is_page(page({ access => login($member)->data->{access_token} }, '/amr/index.html'), 403, 'a claim that is not');
is_page(page($member, '/part/index.html'), 403, 'a part of one');

# ---- identity for the backend; copies from outside never arrive
my %spoof = map { $_ => 'admin' } qw(X-CloudEP-UID x-cloudep-tenant X_CloudEP_Session X-CLOUDEP_AMR X.CloudEP.UID);
for my $path (qw(/app/ /open/ /optional/)) {
    my $head = page($path eq '/app/' ? $member : undef, $path, %spoof)->body;
    unlike($head, qr/admin/, "$path: spoofed identity headers are gone");
}
my $head = page($member, '/app/x', %spoof)->body;
like($head, qr/^X-CloudEP-UID: \Q$member->{uid}\E\r$/m, 'the uid');
like($head, qr/^X-CloudEP-Tenant: \Q$acme->{slug}\E\r$/m, 'the tenant');
like($head, qr/^X-CloudEP-Session: [0-9a-f-]{36}\r$/m, 'the session');
like($head, qr/^X-CloudEP-AMR: otp\r$/m, 'how it was authenticated');
like($head, qr/^Authorization: Bearer /m, 'and the token');
unlike(page($member, '/bare/')->body, qr/^Authorization:/mi, 'unless it is to be removed');
unlike(page($member, '/open/')->body, qr/X-CloudEP/i, 'an open Location tells nothing');

# ---- optional
is_page(page(undef, '/optional/'), 200, 'anonymous passes where the token is optional');
is_page(page($member, '/optional/'), 200, 'a live one passes');
is_page(page({ access => 'x.y.z' }, '/optional/'), 401, 'a bad one does not');

# ---- cookie and Origin
my @cookie = (Cookie => "a=b; access=$member->{access}");
is_page(page(undef, '/cookie/', @cookie), 200, 'GET with the cookie');
is_page(as(undef)->post('/cookie/', {}, @cookie), 401, 'POST without an Origin');
is_page(as(undef)->post('/cookie/', {}, @cookie, Origin => 'https://evil.example'), 401, 'or from another');
is_page(page(undef, '/cookie/', @cookie, Origin => 'https://evil.example'), 401, 'also GET');
is_page(as(undef)->post('/cookie/', {}, @cookie, Origin => 'https://app.example'), 200, 'POST from the listed one');
is_page(page(undef, '/file/index.html', @cookie), 401, 'elsewhere the cookie means nothing');
is_page(as($member)->post('/cookie/', {}), 200, 'the header needs no Origin');

# ---- preflight
my @preflight = (Origin => 'https://app.example', 'Access-Control-Request-Method' => 'POST');
is_page(as(undef)->request(OPTIONS => '/cors/', undef, @preflight), 200, 'a preflight passes');
is_page(as(undef)->request(OPTIONS => '/cors/'), 401, 'a plain OPTIONS does not');
is_page(as(undef)->request(OPTIONS => '/app/', undef, @preflight), 401, 'nor a preflight elsewhere');
is_page(as(undef)->request(GET => '/cors/', undef, @preflight), 401, 'nor another method that looks like one');

# ---- forward auth
my $verify = '/api/v1/auth/verify';
my $answer = page($member, "$verify?tenant=$acme->{slug}");
is($answer->status, 204, 'a live session of the tenant');
is($answer->header('X-CloudEP-UID'), $member->{uid}, 'with identity headers');
is($answer->header('Cache-Control'), 'no-store', 'not to be kept');
outcome(page($member, "$verify?tenant=$other->{slug}"), 403, 28505000, 'another tenant');
outcome(page($member, "$verify?mfa=60"), 403, 28505000, 'no recent second factor');
outcome(page(undef, $verify), 401, 28501000, 'no token');
outcome(page($member, "$verify?tenant=a&tenant=b"), 400, 10101000, 'a parameter twice');

# ---- public keys
my $keys = page(undef, '/.well-known/jwks.json');
is($keys->header('Content-Type'), 'application/jwk-set+json', 'a JWK Set');
like($keys->header('Cache-Control'), qr/max-age=300/, 'that may be cached');
my ($key) = @{ $keys->json->{keys} };
ok($key->{kid} && $key->{x} && !exists $key->{d}, 'public keys only');
is_page(as(undef)->post('/.well-known/jwks.json', {}), 405, 'to be read only');

# ---- a session that ends is refused at the next request
is_page(page($stranger, '/file/index.html'), 200, 'before');
server()->ctl(qw(member suspend --tenant), $other->{slug}, '--uid', $stranger->{uid});
is_page(page($stranger, '/file/index.html'), 401, 'after');
outcome(client(token => $member->{access})->post('/api/v1/auth/logout', undef), 200, 102000, 'a logout on another node');
is_page(page($member, '/file/index.html'), 401, 'is seen at once');

expect_log(qr/authorization failure|AH01617|AH01631|client denied|AH01630|AH01797/);
finish();
