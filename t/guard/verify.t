# Forward auth as the web servers ask for it, and the public keys as those read them who verify by themselves.
use strict;
use warnings;
use CloudEP::Edge;
use CloudEP::Test;

my $tenant = tenant();
my $member = register_member(tenant => $tenant);
my $verify = '/api/v1/auth/verify';

sub ask { my ($query, @headers) = @_; return $member->{client}->get($verify . $query, @headers) }

# ---- 204 and what it tells
my $answer = ask('');
is($answer->status, 204, 'a live session');
is_deeply([map { $answer->header($_) } qw(X-CloudEP-UID X-CloudEP-Tenant X-CloudEP-AMR)], [$member->{uid}, $tenant->{slug}, 'otp'], 'who it is');
like($answer->header('X-CloudEP-Session'), qr/^[0-9a-f-]{36}$/, 'and the session');
is($answer->body . ($answer->header('Content-Length') // ''), '', 'without a body');
is($answer->header('Cache-Control'), 'no-store', 'not to be kept');
my $head = $member->{client}->request(HEAD => $verify);
is($head->status . $head->body, '204', 'HEAD is answered like GET');
is($head->header($_), $answer->header($_), "$_ and all") for @IDENTITY;
my $refused = client()->request(HEAD => $verify);
is($refused->status . $refused->body, '401', 'also when it is refused');
like($refused->header('WWW-Authenticate'), qr/^Bearer realm="CloudEP"$/, 'with the challenge');
is_deeply([grep { defined $refused->header($_) } @IDENTITY], [], 'and no identity');
for my $method (qw(POST PUT PATCH DELETE)) {
    my $wrong = outcome($member->{client}->request($method => $verify, {}), 405, 10105000, "$method is not asked for");
    like($wrong->header('Allow'), qr/\bGET\b/, 'which Allow says');
}
is($member->{client}->request(OPTIONS => $verify)->status, 204, 'OPTIONS is answered like GET');
outcome(client()->request(OPTIONS => $verify), 401, 28501000, 'so it needs a token');

# ---- preflights, where the asking server wants them
my %PREFLIGHT = (Origin => 'https://app.example', 'Access-Control-Request-Method' => 'PUT');
sub preflight { my ($method, $query, %headers) = @_; return client()->request($method => $verify . $query, undef, %PREFLIGHT, %headers) }
my ($original, $forwarded) = ('X-Original-Method', 'X-Forwarded-Method');
for my $case (['of nginx', GET => $original => 'OPTIONS'], ['of Traefik', GET => $forwarded => 'OPTIONS'], ['that is asked as it is', 'OPTIONS'],
    ['with both headers', GET => $original => 'OPTIONS', $forwarded => 'OPTIONS']) {
    my ($name, $method, @headers) = @$case;
    my $passed = preflight($method, "?tenant=$tenant->{slug}&preflight=on", @headers);
    is($passed->status, 204, "a preflight $name passes");
    is_deeply([grep { defined $passed->header($_) } @IDENTITY], [], 'as nobody');
    is(preflight($method, '', @headers)->status, 401, 'but only where that is configured');
    is(preflight($method, '?preflight=on', @headers, Authorization => 'Bearer x.y.z')->status, 401, 'and not with a bad token');
}
for my $case (['GET', 'GET'], ['GET that names another method', GET => $original => 'GET'], ['a client header beside a true one', GET => $original => 'GET', $forwarded => 'OPTIONS'],
    ['and the other way round', GET => $original => 'OPTIONS', $forwarded => 'GET'], ['two lines', GET => $original => 'OPTIONS, GET'], ['other case', GET => $original => 'options'],
    ['nothing', GET => $original => ''], ['OPTIONS for a GET', OPTIONS => $original => 'GET'], ['no Origin', 'OPTIONS', Origin => undef],
    ['no Access-Control-Request-Method', 'OPTIONS', 'Access-Control-Request-Method' => undef]) {
    my ($name, $method, @headers) = @$case;
    is(preflight($method, '?preflight=on', @headers)->status, 401, "no preflight: $name");
}
outcome(ask("?preflight=$_"), 400, 10101000, "refused: preflight=$_") for 'On', 'off', '1', '', 'on,on';
is(ask('?preflight=on')->header('X-CloudEP-UID'), $member->{uid}, 'a member is known as ever');
is(client()->get("$verify?preflight=on")->status, 401, 'and nobody is not');

# ---- what a proxy says about the request it asks for changes nothing
my %FORWARDED = (
    'X-Forwarded-Method' => 'DELETE', 'X-Original-Method' => 'POST', 'X-Forwarded-Uri' => '/api/v1/auth/verify?tenant=x', 'X-Original-URI' => '/admin',
    'X-Original-URL' => 'https://app.example/x?tenant=x', 'X-Forwarded-Host' => 'evil.example', 'X-Forwarded-Proto' => 'http',
    'X-Forwarded-For' => '127.0.0.1', 'X-Forwarded-Server' => 'evil', 'X-Forwarded-Prefix' => '/x', 'X-Real-IP' => '127.0.0.1',
    Forwarded => 'for=127.0.0.1;host=evil.example', 'X-Envoy-Original-Path' => '/x', 'X-HTTP-Method-Override' => 'POST',
    (map { $_ => 'admin' } @IDENTITY), 'X-Tenant-ID' => '00000000-0000-0000-0000-000000000000', 'X-UID' => $member->{uid}, Cookie => "a=$member->{access}",
);
for my $name (sort keys %FORWARDED) {
    my $same = ask("?tenant=$tenant->{slug}", $name => $FORWARDED{$name});
    is(join(' ', $same->status, map { $same->header($_) } @IDENTITY), join(' ', 204, map { $answer->header($_) } @IDENTITY), "$name: the same answer");
    is(client()->get($verify, $name => $FORWARDED{$name})->status, 401, "$name: opens nothing");
}
is(ask('', Connection => 'close, authorization')->status, 204, 'nor what Connection names');
is(client()->get("$verify?access_token=$member->{access}")->status, 401, 'a token in the query means nothing');

# ---- a demand that is not understood is no demand that is met
for my $query ('?tennant=x', '?Tenant=x', '?tenant', '?tenant=', '?mfa=', '?mfa', '?mfa=5m', '?mfa=-1', '?mfa=1e9', '?fresh=', '?fresh', '?fresh=5m', '?mfa=9999999999', '?tenant=A', '?tenant=a,b',
    '?tenant=a%00b', "?tenant=$tenant->{slug}&tenant=$tenant->{slug}", "?tenant=$tenant->{slug};mfa=1", "?tenant=$tenant->{slug}&x=y", "?tenant=$tenant->{slug}&=",
    "?%74enant=$tenant->{slug}", "?access_token=$member->{access}") {
    outcome(ask($query), 400, 10101000, "refused: $query");
}
is(ask("?tenant=$tenant->{slug}&")->status, 204, 'an empty word asks for nothing');

# ---- the second factor ages
sub proved { server()->psql("UPDATE cloudep.sessions SET mfa_at = now() - make_interval(secs => :'age') WHERE uid = :'uid'", uid => $member->{uid}, age => $_[0]) }
outcome(ask('?mfa=60'), 403, 28505000, 'none was proved');
for my $case ([0, 204], [50, 204], [70, 403]) {
    proved($case->[0]);
    is(ask('?mfa=60')->status, $case->[1], "$case->[0] seconds ago");
}
like(ask('?mfa=60')->header('WWW-Authenticate'), qr/error="insufficient_scope"/, 'which is insufficient');
is(ask('?mfa=999999999')->status, 204, 'long ago is enough for some');
is(ask('?mfa=0')->status, 403, 'never for 0');

# ---- so does the last proof
for my $case ([50, 204], [70, 403]) {
    server()->psql("UPDATE cloudep.sessions SET mfa_at = NULL, fresh_at = NULL, auth_time = now() - make_interval(secs => :'age') WHERE uid = :'uid'",
        uid => $member->{uid}, age => $case->[0]);
    is(ask('?fresh=60')->status, $case->[1], "opened $case->[0] seconds ago");
}
my $stale = outcome(ask('?fresh=60'), 403, 29505001, 'which is to be proved anew');
is($stale->json->{reason}, 'fresh_proof_needed', 'as the reason says');
like($stale->header('WWW-Authenticate'), qr/error="insufficient_scope"/, 'and insufficient');
server()->psql("UPDATE cloudep.sessions SET fresh_at = now() WHERE uid = :'uid'", uid => $member->{uid});
is(ask('?fresh=60')->status, 204, 'and was');

# ---- public keys
my $KEYS = '/.well-known/jwks.json';
my $keys = client()->get($KEYS);
is($keys->status, 200, 'the keys');
is($keys->header('Content-Type'), 'application/jwk-set+json', 'a JWK Set');
is($keys->header('Cache-Control'), 'public, max-age=300', 'for five minutes');
is($keys->header('Access-Control-Allow-Origin'), '*', 'for every origin');
like($keys->header('ETag'), qr/^"[0-9a-f]{40}"$/, 'with an ETag');
is($keys->header('Content-Length'), length $keys->body, 'and a length');
is_deeply([grep { my $key = $_; grep { exists $key->{$_} } qw(d p q dp dq qi k) } @{ $keys->json->{keys} }], [], 'and nothing private');
my $none = client()->request(HEAD => $KEYS);
is(join(' ', map { $none->header($_) } qw(ETag Content-Length Cache-Control)), join(' ', map { $keys->header($_) } qw(ETag Content-Length Cache-Control)),
    'HEAD says the same');
is($none->status . $none->body, '200', 'without a body');
for my $tag ($keys->header('ETag'), '"x", ' . $keys->header('ETag'), 'W/' . $keys->header('ETag'), '*') {
    my $kept = client()->get($KEYS, 'If-None-Match' => $tag);
    is($kept->status . $kept->body, '304', "not again for who has $tag");
    is($kept->header('Cache-Control'), 'public, max-age=300', 'but for five minutes more');
}
is(client()->get($KEYS, 'If-None-Match' => '"x"')->status, 200, 'again for who has others');
for my $method (qw(POST PUT DELETE PATCH)) {
    my $wrong = client()->request($method => $KEYS, {});
    is($wrong->status, 405, "$method is not for keys");
    like($wrong->header('Allow'), qr/\bGET\b/, 'which Allow says');
    is($wrong->code, 10105000, 'in the envelope');
}
my $other = own_server(keys => CloudEP::Test::own_folder('keys') . '/keys', values => { CloudEPIssuer => 'http://127.0.0.1:8/id/' }, with => [
        '<Location /.well-known/oauth-authorization-serves>', 'SetHandler cloudep-oauth-server', 'Require all granted', '</Location>',
])->start;
isnt(client(server => $other)->get($KEYS)->header('ETag'), $keys->header('ETag'), 'other keys have another ETag');

# ---- who issues our tokens (RFC 8414)
my $METADATA = '/.well-known/oauth-authorization-server';
my $metadata = client()->get($METADATA);
is($metadata->status, 200, 'the metadata');
is_deeply($metadata->json, { issuer => server()->url, jwks_uri => server()->url($KEYS), response_types_supported => [], grant_types_supported => [] }, 'issuer, keys, and nothing of OAuth');
is($metadata->header('Content-Type'), 'application/json', 'is JSON');
is($metadata->header($_), $keys->header($_), "$_ as the keys have it") for 'Cache-Control', 'Access-Control-Allow-Origin', 'X-Content-Type-Options';
is(client()->get($METADATA, 'If-None-Match' => $metadata->header('ETag'))->status, 304, 'not again for who has it');
is(client()->post($METADATA, {})->status, 405, 'to be read only');
is(client()->get("$METADATA$_")->status, 404, "'$_' behind it is another issuer's") for '/', '/id', 'x', '/x/..//y';
is(client(server => $other)->get("$METADATA/id")->status, 200, 'where the issuer has a path, it is behind that one');
is(client(server => $other)->get("$METADATA/id")->json->{issuer}, 'http://127.0.0.1:8/id/', 'and told as tokens have it');
is(client(server => $other)->get("$METADATA/id")->json->{jwks_uri}, "http://127.0.0.1:8$KEYS", 'with the keys of its host');
is(client(server => $other)->get('/.well-known/oauth-authorization-serves/id')->status, 404, 'and nowhere else');
is(client(server => $other)->get("$METADATA$_")->status, 404, "and '$_' is not") for '', '/', '/id/', '/idx', '/i', '/id/x', '/ID';
expect_log(qr/CE1303/);

finish();
