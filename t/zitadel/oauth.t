# The ZITADEL stand-in's OAuth and OpenID Connect side: the token endpoint with its errors, the code flow through the
# login page, keys and their rotation, and id_tokens made to order.
use strict;
use warnings;
use CloudEP::OIDC;
use CloudEP::Process qw(run slurp spew);
use File::Temp qw(tempdir);
use JSON::PP ();
use MIME::Base64 qw(encode_base64 encode_base64url);
use Test::More;
use URI;

my $CALLBACK = 'https://app.example/cb?tenant=1';
my $API_SCOPE = 'openid urn:zitadel:iam:org:project:id:zitadel:aud';
my $BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

my $dir = tempdir(CLEANUP => 1);
my $zitadel = CloudEP::OIDC->new(peer => 'zitadel', run => $dir, log => "$dir/log", options => ['--redirect-uri', $CALLBACK])->start;
my %ready = %{ $zitadel->ready };
my %web = %{ $ready{clients}{web} };
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

sub form { my $uri = URI->new; $uri->query_form(@_); return $uri->query // '' }

sub token { my ($fields, %headers) = @_; return $zitadel->call(POST => '/oauth/v2/token', form(%$fields), %headers) }

sub basic { my ($id, $secret) = @_; return (Authorization => 'Basic ' . encode_base64("$id:$secret", '')) }

sub refused {
    my ($answer, $status, $error, $text, $name) = @_;
    is_deeply([$answer->{status}, @{ $answer->{json} // {} }{qw(error error_description)}], [$status, $error, $text], $name)
        or diag($answer->{body});
}

# An RS256 JWT made with openssl, so that the stand-in does not check itself.
sub assertion {
    my (%claims) = @_;
    my $key = JSON::PP->new->decode(slurp($ready{key_file}));
    spew("$dir/key.pem", $key->{key});
    my %all = (iss => $key->{userId}, sub => $key->{userId}, aud => $zitadel->issuer, iat => time - 5, exp => time + 300, %claims);
    my $input = join '.', map { encode_base64url(JSON::PP->new->canonical->encode($_)) } { alg => 'RS256', kid => $key->{keyId} }, \%all;
    return $input . '.' . encode_base64url(run($input, qw(openssl dgst -sha256 -sign), "$dir/key.pem"));
}

# Is this token signed by a published key? Judged by the key set alone, in a process of its own.
sub signed_by {
    my ($token) = @_;
    my $judge = <<'END';
const crypto = require('node:crypto');
const { token, keys } = JSON.parse(require('node:fs').readFileSync(0));
const [header, claims, signature] = token.split('.');
const jwk = keys.find((key) => key.kid === JSON.parse(Buffer.from(header, 'base64url')).kid);
const good = jwk && crypto.verify('sha256', Buffer.from(`${header}.${claims}`),
  { key: crypto.createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
console.log(good ? 'good' : 'bad');
END
    my $input = JSON::PP::encode_json({ token => $token, keys => $zitadel->call(GET => '/oauth/v2/keys')->{json}{keys} });
    return run($input, 'node', '-e', $judge) eq "good\n";
}

subtest 'discovery' => sub {
    my $found = $zitadel->call(GET => '/.well-known/openid-configuration')->{json};
    is($found->{issuer}, "http://127.0.0.1:$ready{port}", 'issuer without a slash');
    is($found->{token_endpoint}, "$found->{issuer}/oauth/v2/token", 'token endpoint');
    is($found->{userinfo_endpoint}, "$found->{issuer}/oidc/v1/userinfo", 'userinfo endpoint');
    is_deeply($found->{code_challenge_methods_supported}, ['S256'], 'S256');
    is($zitadel->call(GET => '/.well-known/openid-configuration', undef, Host => 'evil.example')->{status}, 404,
        'another host is another instance');
};

subtest 'tokens of the service account' => sub {
    my $grant = sub { token({ grant_type => $BEARER_GRANT, scope => $API_SCOPE, assertion => assertion(@_) }) };
    my $good = $grant->();
    is($good->{status}, 200, 'private_key_jwt') or diag($good->{body});
    is_deeply([@{ $good->{json} }{qw(token_type expires_in)}], ['Bearer', 43199], 'for 12 hours');
    is(CloudEP::OIDC->claims($good->{json}{id_token})->{sub}, $ready{machine}{user_id}, 'with an id_token');
    is($zitadel->api(POST => '/v2/users', {}, token => $good->{json}{access_token})->{status}, 200,
        'and the API takes it');
    my $no_scope = token({ grant_type => $BEARER_GRANT, scope => 'openid', assertion => assertion() })->{json}{access_token};
    is($zitadel->api(POST => '/v2/users', {}, token => $no_scope)->{json}{details}[0]{id}, 'AUTH-7fs1e',
        'not without the audience scope');
    my %bad = (future => [iat => time + 10], old => [iat => time - 4000], expired => [exp => time - 1],
        audience => [aud => 'x'], subject => [sub => 'x']);
    refused($grant->(@{ $bad{$_} }), 500, 'server_error', 'Errors.Internal', "assertion: $_") for sort keys %bad;
    refused(token({ grant_type => $BEARER_GRANT, assertion => 'x.y.z' }), 500, 'server_error', 'Errors.Internal',
        'assertion: garbage');
    $zitadel->state(clock_offset_s => -30);
    refused($grant->(), 500, 'server_error', 'Errors.Internal', 'a server whose clock is behind');
    $zitadel->state(clock_offset_s => 0);

    my %machine = %{ $ready{machine} };
    is(token({ grant_type => 'client_credentials', scope => $API_SCOPE }, basic(@machine{qw(client_id client_secret)}))->{status}, 200,
        'client_credentials');
    refused(token({ grant_type => 'client_credentials', client_id => $machine{client_id}, client_secret => 'x' }), 400, 'invalid_request',
        'Errors.User.Machine.Secret.Invalid', 'with a wrong secret');
    refused(token({ grant_type => 'password', username => 'a', password => 'b' }), 400, 'unsupported_grant_type', 'password not supported',
        'no password grant');
    refused(token({}), 400, 'invalid_request', 'grant_type missing', 'no grant');

    $zitadel->door(POST => 'tokens', { revoke => 'issued' });
    is($zitadel->api(POST => '/v2/users', {}, token => $good->{json}{access_token})->{status}, 401, 'a revoked token');
    is($zitadel->api(POST => '/v2/users', {}, token => $grant->()->{json}{access_token})->{status}, 200,
        'a new one works');
    $zitadel->state(token_lifetime_s => 1);
    my $short = $grant->()->{json}{access_token};
    select undef, undef, undef, 1.1;
    is($zitadel->api(POST => '/v2/users', {}, token => $short)->{status}, 401, 'an expired token');
    $zitadel->state(token_lifetime_s => 43200);
};

my $user = $zitadel->api(POST => '/v2/users/new', { organizationId => $ready{org_id}, human => {
            profile => { givenName => 'A', familyName => 'B' },
            email => { email => 'a@example.com', isVerified => $true } } })->{json}{id};
my ($verifier, $challenge) = CloudEP::OIDC->pkce;

# Logs in and returns the redirect's fields.
sub back {
    my ($account, %more) = @_;
    my $url = $zitadel->authorize_url(client_id => $web{client_id}, redirect_uri => $CALLBACK, state => 's1', nonce => 'n1',
        code_challenge => $challenge, %more);
    return $zitadel->login($url, account => $account);
}

sub exchange {
    my ($code, %more) = @_;
    return token({ grant_type => 'authorization_code', code => $code, redirect_uri => $CALLBACK, code_verifier => $verifier, %web, %more });
}

subtest 'code flow' => sub {
    my $back = back($user, scope => "openid profile email urn:zitadel:iam:org:id:$ready{org_id}");
    is($back->{state}, 's1', 'state comes back');
    is($back->{tenant}, 1, 'and so does the query of the redirect_uri');
    my $code = $back->{code};
    refused(exchange($code, code_verifier => 'x'), 400, 'invalid_grant', 'invalid code_verifier', 'a wrong verifier');
    refused(exchange($code, code_verifier => ''), 400, 'invalid_request', 'code_verifier required', 'no verifier');
    refused(exchange($code, redirect_uri => 'https://app.example/cb'), 400, 'invalid_grant', 'redirect_uri does not correspond',
        'another redirect_uri');
    refused(exchange($code, client_id => '1'), 400, 'invalid_client', 'no active client not found',
        'an unknown client');
    refused(exchange($code, client_secret => 'x'), 400, 'invalid_client', 'invalid secret', 'a wrong secret');
    refused(exchange('garbled'), 400, 'invalid_request', 'Errors.User.Code.Invalid', 'a garbled code');
    my $answer = exchange($code);
    is($answer->{status}, 200, 'the code') or diag($answer->{body});
    is($answer->{headers}->header('Cache-Control'), 'no-store', 'not to be stored');
    refused(exchange($code), 400, 'invalid_request', 'Errors.AuthRequest.NoCode', 'twice');
    $zitadel->state(client_error_status => 401);
    is(exchange('x', client_secret => 'x')->{status}, 401, 'older servers say 401');
    $zitadel->state(client_error_status => 400);

    my $token = $answer->{json}{id_token};
    my $claims = CloudEP::OIDC->claims($token);
    ok(signed_by($token), 'the id_token is signed by a published key');
    is(CloudEP::OIDC->jwt_header($token)->{alg}, 'RS256', 'with RS256');
    is_deeply([sort @{ $claims->{aud} }], [sort $web{client_id}, $ready{clients}{spa}{client_id}, $ready{project_id}],
        'aud has all clients and the project');
    is_deeply([@{$claims}{qw(iss sub azp client_id nonce)}], [$zitadel->issuer, $user, ($web{client_id}) x 2, 'n1'],
        'iss, sub, azp, client_id, nonce');
    is($claims->{exp} - $claims->{iat}, 43200, '12 hours');
    ok(!grep({ exists $claims->{$_} } qw(email email_verified name jti nbf)), 'no address, name or jti');
    is($claims->{'urn:zitadel:iam:user:resourceowner:id'}, $ready{org_id}, 'the organisation by scope');
    is_deeply($claims->{amr}, ['pwd'], 'amr of a password login');
    my $info = $zitadel->call(GET => '/oidc/v1/userinfo', undef, Authorization => "Bearer $answer->{json}{access_token}")->{json};
    is_deeply([@{$info}{qw(sub email email_verified)}], [$user, 'a@example.com', $true], 'userinfo has the address');
    refused($zitadel->call(GET => '/oidc/v1/userinfo', undef, Authorization => 'Bearer x'), 401, 'access_denied', 'access token invalid',
        'with a bad token');
    my $introspected = $zitadel->call(POST => '/oauth/v2/introspect', form(token => $answer->{json}{access_token}),
        basic(@web{qw(client_id client_secret)}))->{json};
    is_deeply([@{$introspected}{qw(active sub)}], [$true, $user], 'introspection');

    $zitadel->state(id_token_userinfo => $true, signing_alg => 'ES256');
    $token = exchange(back($user)->{code})->{json}{id_token};
    is(CloudEP::OIDC->claims($token)->{email}, 'a@example.com', 'an application with user info inside the id_token');
    is(CloudEP::OIDC->jwt_header($token)->{alg}, 'ES256', 'and ES256');
    $zitadel->state(id_token_userinfo => $false, signing_alg => 'RS256');

    my $offline = exchange(back($user, scope => 'openid offline_access')->{code})->{json};
    my $refresh = sub { token({ grant_type => 'refresh_token', refresh_token => $offline->{refresh_token}, %web }) };
    is($refresh->()->{status}, 200, 'a refresh token');
    is($refresh->()->{json}{error}, 'invalid_grant', 'once');
    $zitadel->state(code_lifetime_s => 0);
    my $late = back($user)->{code};
    select undef, undef, undef, 0.05;
    refused(exchange($late), 400, 'invalid_request', 'Errors.User.Code.Invalid', 'an expired code');
    $zitadel->state(code_lifetime_s => 600);
    my $spa = back($user, client_id => $ready{clients}{spa}{client_id})->{code};
    is(token({ grant_type => 'authorization_code', code => $spa, redirect_uri => $CALLBACK, code_verifier => $verifier,
                client_id => $ready{clients}{spa}{client_id} })->{status}, 200, 'a public client');
};

subtest 'authorization endpoint' => sub {
    my $url = $zitadel->authorize_url(client_id => $web{client_id}, redirect_uri => 'https://app.example/cb', code_challenge => $challenge);
    my $answer = $zitadel->login($url);
    is($answer->{status}, 400, 'a redirect_uri that differs a little is not redirected to');
    like($answer->{body}, qr/missing in the client configuration/, 'but shown');
    is(back($user, response_type => 'token')->{error}, 'unsupported_response_type', 'response_type');
    is(back($user, code_challenge_method => 'plain')->{error}, 'invalid_request', 'plain PKCE');
    my $cancelled = do { $zitadel->state(login_error => 'access_denied'); back($user) };
    is_deeply([@{$cancelled}{qw(error state code)}], ['access_denied', 's1', undef], 'a login that ends in an error');
    $zitadel->state(login_error => '', login => $user, login_auto => $true);
    ok(back(undef)->{code}, 'a login that waits for no button');
    $zitadel->state(login => '', login_auto => $false);
};

subtest 'a Google account' => sub {
    $zitadel->account(sub => '1089', email => 'g@example.com', email_verified => $false, given_name => 'G', family_name => 'O');
    my $tokens = exchange(back('1089', scope => "openid email urn:zitadel:iam:org:id:$ready{orgs}{b}")->{code})->{json};
    my $claims = CloudEP::OIDC->claims($tokens->{id_token});
    my ($made) = grep { $_->{userId} eq $claims->{sub} } $zitadel->users;
    is_deeply([@{$made}{qw(orgId email hasPassword)}], [$ready{orgs}{b}, 'g@example.com', $false],
        'the first login made a user in the organisation of the scope');
    ok(!exists $claims->{amr}, 'no amr');
    my $info = $zitadel->call(GET => '/oidc/v1/userinfo', undef, Authorization => "Bearer $tokens->{access_token}")->{json};
    ok(!exists $info->{email_verified}, 'an address that is not verified: the claim is absent');
    my $again = exchange(back('g@example.com')->{code})->{json};
    is(CloudEP::OIDC->claims($again->{id_token})->{sub}, $claims->{sub}, 'the second login finds it');
    $zitadel->account(sub => '1090', email => 'a@example.com');
    like(back('1090')->{body}, qr/AlreadyExists/, 'an address whose name is taken does not come back');
};

subtest 'headless login' => sub {
    my $url = $zitadel->authorize_url(client_id => $web{client_id}, redirect_uri => $CALLBACK, state => 's2', code_challenge => $challenge);
    my $answer = $zitadel->call(GET => $url =~ s{^\w+://[^/]+}{}r, undef, 'x-zitadel-login-client' => $ready{machine}{user_id});
    my ($request) = $answer->{headers}->header('Location') =~ /authRequest=(V2_\d+)/;
    ok($request, 'the login client is told the request');
    my $session = $zitadel->api(POST => '/v2/sessions', { checks => { user => { userId => $user } } })->{json};
    my $link = { session => { sessionId => $session->{sessionId}, sessionToken => $session->{sessionToken} } };
    is($zitadel->api(POST => "/v2/oidc/auth_requests/$request", $link, token => $ready{pats}{owner})->{status}, 403,
        'IAM_OWNER may not');
    my $url_back = URI->new($zitadel->api(POST => "/v2/oidc/auth_requests/$request", $link)->{json}{callbackUrl});
    is(exchange({ $url_back->query_form }->{code})->{status}, 200, 'and gets a code for a session');
};

subtest 'keys' => sub {
    my $answer = $zitadel->call(GET => '/oauth/v2/keys');
    my @keys = @{ $answer->{json}{keys} };
    is_deeply([sort map { $_->{alg} } @keys], [qw(ES256 RS256 RS256)], 'two RS256 keys and an ES256 key');
    ok(!grep({ exists $_->{d} } @keys), 'no private part');
    is($answer->{headers}->header('Cache-Control'), 'max-age=300, must-revalidate', 'cached for 5 minutes');
    my $mint = sub { $zitadel->door(POST => 'issue-id-token', {@_})->{id_token} };
    my $old = $mint->();
    $zitadel->rotate;
    my $new = $mint->();
    isnt(CloudEP::OIDC->jwt_header($new)->{kid}, CloudEP::OIDC->jwt_header($old)->{kid},
        'after rotation another key signs');
    ok(signed_by($new) && signed_by($old), 'both are published');
    $zitadel->rotate(drop_old => $true);
    ok(!signed_by($new) && signed_by($mint->()), 'until old keys are dropped');
    ok(signed_by($mint->(key => 'es')), 'the ES256 key');
    ok(!signed_by($mint->(key => 'unknown')), 'a key that was never published');
};

subtest 'id_tokens made to order' => sub {
    my $mint = sub { $zitadel->door(POST => 'issue-id-token', {@_})->{id_token} };
    my $scope = "openid+email+urn:zitadel:iam:org:id:$ready{org_id}";
    my $by_get = $zitadel->door(GET => "issue-id-token?sub=$user&iat_offset=-100&scope=$scope");
    my $claims = CloudEP::OIDC->claims($by_get->{id_token});
    is_deeply([@{$claims}{qw(sub azp urn:zitadel:iam:user:resourceowner:id)}], [$user, $web{client_id}, $ready{org_id}],
        'by GET');
    cmp_ok(abs(time - 100 - $claims->{iat}), '<', 5, 'issued in the past');
    $claims = CloudEP::OIDC->claims($mint->(claims => { aud => ['x'], azp => 'y' }, omit => ['sid'], exp_offset => -50_000));
    is_deeply([@{$claims}{qw(aud azp sid)}], [['x'], 'y', undef], 'claims replaced and left out');
    cmp_ok($claims->{exp}, '<', time, 'expired');
    is(CloudEP::OIDC->jwt_header($mint->(header => { alg => 'HS256' }))->{alg}, 'HS256', 'with another alg');
    like($mint->(header => { alg => 'none' }), qr/\.\z/, 'without a signature');
    is(CloudEP::OIDC->jwt_header($mint->(key => 'es'))->{alg}, 'ES256', 'with the ES256 key');
};

$zitadel->stop;
done_testing();
