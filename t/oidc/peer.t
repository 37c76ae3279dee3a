# npm's oidc-provider as the peer of the OIDC client's tests: the code flow through its login page with Google's and
# with ZITADEL's claims, its refusals, its keys and the faults in front of it.
use strict;
use warnings;
use CloudEP::OIDC;
use CloudEP::Process qw(wait_until);
use File::Temp qw(tempdir);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(time);
use URI;

my $CALLBACK = 'https://app.example/cb';
my $dir = tempdir(CLEANUP => 1);
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my ($verifier, $challenge) = CloudEP::OIDC->pkce;

sub peer {
    my (@options) = @_;
    return CloudEP::OIDC->new(peer => 'oidc', run => $dir, log => "$dir/log", timeout => 3,
        options => ['--redirect-uri', $CALLBACK, @options])->start;
}

# Logs in at a client's request, returns the redirect's fields.
sub back {
    my ($peer, $client, $login, %more) = @_;
    my $url = $peer->authorize_url(client_id => $peer->ready->{clients}{$client}{client_id}, redirect_uri => $CALLBACK, state => 's1',
        nonce => 'n1', code_challenge => $challenge, %more);
    return $peer->login($url, %$login);
}

sub post {
    my ($peer, $fields, %headers) = @_;
    my $uri = URI->new;
    $uri->query_form(map { $_ => $fields->{$_} } sort keys %$fields);
    return $peer->call(POST => '/token', $uri->query, %headers);
}

# The token endpoint's answer to a code, each client with its own way of authenticating.
sub exchange {
    my ($peer, $client, $code, %more) = @_;
    my %known = %{ $peer->ready->{clients}{$client} };
    my %fields = (grant_type => 'authorization_code', code => $code, redirect_uri => $CALLBACK, code_verifier => $verifier, %more);
    return post($peer, { %fields, %known }) if $client ne 'web';
    my $basic = encode_base64(join(':', @known{qw(client_id client_secret)}), '');
    return post($peer, \%fields, Authorization => "Basic $basic");
}

my $google = peer();
$google->account(sub => '108900000000000000001', email => 'g@example.com', email_verified => $true, name => 'G O', given_name => 'G',
    family_name => 'O', picture => 'https://img.example/g.png', locale => 'zh-TW', hd => 'example.com');
$google->account(sub => '108900000000000000002', email => 'u@example.com', email_verified => $false, name => 'U');
my $GOOGLE_USER = { account => '108900000000000000001' };

subtest 'Google\'s claims' => sub {
    my $back = back($google, 'web', $GOOGLE_USER);
    is($back->{state}, 's1', 'state comes back');
    is($back->{iss}, $google->issuer, 'with iss, RFC 9207');
    like($back->{location}, qr/^\Q$CALLBACK\E\?/, 'to the redirect_uri, which is not fetched');
    my $answer = exchange($google, 'web', $back->{code});
    is($answer->{status}, 200, 'client_secret_basic') or diag($answer->{body});
    my $claims = CloudEP::OIDC->claims($answer->{json}{id_token});
    is_deeply([@{$claims}{qw(iss sub aud nonce)}], [$google->issuer, '108900000000000000001', 'cloudep-web', 'n1'],
        'iss, sub, aud, nonce');
    is_deeply([@{$claims}{qw(email email_verified name picture locale hd)}],
        ['g@example.com', $true, 'G O', 'https://img.example/g.png', 'zh-TW', 'example.com'],
        'profile and address in the id_token');
    my $info = $google->call(GET => '/me', undef, Authorization => "Bearer $answer->{json}{access_token}")->{json};
    is($info->{email}, 'g@example.com', 'userinfo');
    is(exchange($google, 'web', $back->{code})->{json}{error}, 'invalid_grant', 'a code serves once');
    my $code = back($google, 'web', { account => 'u@example.com' })->{code};
    my $unverified = CloudEP::OIDC->claims(exchange($google, 'web', $code)->{json}{id_token});
    is($unverified->{email_verified}, $false, 'an address that is not verified');
};

subtest 'clients' => sub {
    my $spa = exchange($google, 'spa', back($google, 'spa', $GOOGLE_USER)->{code});
    is($spa->{status}, 200, 'a public client with PKCE') or diag($spa->{body});
    my $es = exchange($google, 'es', back($google, 'es', $GOOGLE_USER)->{code});
    is(CloudEP::OIDC->jwt_header($es->{json}{id_token})->{alg}, 'ES256',
        'client_secret_post, id_token with ES256') or diag($es->{body});
};

subtest 'refusals' => sub {
    is_deeply([@{ back($google, 'web', { %$GOOGLE_USER, cancel => 1 }) }{qw(error state code)}], ['access_denied', 's1', undef],
        'the person cancels');
    is(back($google, 'web', $GOOGLE_USER, code_challenge => undef, code_challenge_method => undef)->{error}, 'invalid_request',
        'no PKCE');
    is(back($google, 'web', $GOOGLE_USER, code_challenge_method => 'plain')->{error}, 'invalid_request', 'plain PKCE');
    is(back($google, 'web', $GOOGLE_USER, redirect_uri => "$CALLBACK/")->{status}, 400, 'another redirect_uri');
    like(back($google, 'web', { account => 'nobody' })->{body}, qr/No such account/,
        'an unknown account stays on the page');
    my $code = back($google, 'web', $GOOGLE_USER)->{code};
    is(exchange($google, 'web', $code, code_verifier => 'x' x 43)->{json}{error}, 'invalid_grant', 'a wrong verifier');
    is(exchange($google, 'web', back($google, 'web', $GOOGLE_USER)->{code}, redirect_uri => "$CALLBACK/")->{json}{error}, 'invalid_grant',
        'a wrong redirect_uri');
    is(post($google, { grant_type => 'authorization_code', client_id => 'cloudep-es', client_secret => 'x' })->{json}{error}, 'invalid_client',
        'a wrong secret');
};

subtest 'keys' => sub {
    my $kids = sub { sort map { $_->{kid} } @{ $google->call(GET => '/jwks')->{json}{keys} } };
    my $kid = sub {
        my $tokens = exchange($google, 'web', back($google, 'web', $GOOGLE_USER)->{code})->{json};
        return CloudEP::OIDC->jwt_header($tokens->{id_token})->{kid};
    };
    my $first = $kid->();
    is_deeply([sort map { $_->{alg} } @{ $google->call(GET => '/jwks')->{json}{keys} }], [qw(ES256 RS256 RS256)],
        'two RS256 keys and an ES256 key');
    my $code = back($google, 'web', $GOOGLE_USER)->{code};
    my $rotated = $google->rotate;
    is($kid->(), $rotated->{active}, 'after rotation the next key signs');
    isnt($rotated->{active}, $first, 'which is another one');
    ok(grep({ $_ eq $first } $kids->()), 'the old one is still published');
    is(exchange($google, 'web', $code)->{status}, 200, 'a code from before the rotation is still good');
    $google->rotate(drop_old => $true);
    ok(!grep({ $_ eq $first } $kids->()), 'until old keys are dropped');
    my $made = $google->door(POST => 'sign', { claims => { sub => 'x' }, header => { alg => 'none' } });
    like($made->{id_token}, qr/\.\z/, 'tokens made to order, also unsigned');
};

subtest 'faults' => sub {
    for my $path (qw(/jwks /me /.well-known/openid-configuration)) {
        $google->fault(path => $path, status => 503, times => 1);
        is($google->call(GET => $path)->{status}, 503, "$path fails");
        isnt($google->call(GET => $path)->{status}, 503, 'once');
    }
    my $code = back($google, 'web', $GOOGLE_USER)->{code};
    $google->fault(path => '/token', delay_ms => 300, bad_json => $true, times => 1);
    my $from = time;
    my $answer = exchange($google, 'web', $code);
    ok($answer->{status} == 200 && !$answer->{json} && time - $from >= 0.3,
        'the token endpoint is slow and breaks off');
    $google->fault(path => '/token', cut => 'after', times => 1);
    $code = back($google, 'web', $GOOGLE_USER)->{code};
    is(exchange($google, 'web', $code)->{status}, 0, 'its answer is lost');
    is(exchange($google, 'web', $code)->{json}{error}, 'invalid_grant', 'after the code was used');
    my $forged = $google->door(POST => 'sign', { claims => { iss => $google->issuer, sub => 'x', nonce => 'other' } })->{id_token};
    $google->fault(path => '/token', json => { access_token => 'x', token_type => 'Bearer', id_token => $forged }, times => 1);
    is(CloudEP::OIDC->claims(exchange($google, 'web', 'x')->{json}{id_token})->{nonce}, 'other',
        'or one made to order');
    cmp_ok($google->requests->{counts}{'POST /token'}, '>=', 4, 'requests are counted');
    $google->outage(1000);
    ok(wait_until(1, sub { $google->call(GET => '/jwks')->{status} == 0 }), 'away');
    ok(wait_until(10, sub { $google->call(GET => '/jwks')->{status} == 200 }), 'and back');
};
$google->stop;

subtest 'ZITADEL\'s claims' => sub {
    my $zitadel = peer('--claims', 'zitadel');
    $zitadel->account(sub => '2301', email => 'z@example.com', email_verified => $true, name => 'Z');
    my $scope = 'openid profile email urn:zitadel:iam:org:idp:id:1 urn:zitadel:iam:org:id:' . $zitadel->ready->{org_id};
    my $answer = exchange($zitadel, 'web', back($zitadel, 'web', { account => '2301' }, scope => $scope)->{code});
    my $claims = CloudEP::OIDC->claims($answer->{json}{id_token});
    is_deeply([sort @{ $claims->{aud} }], [sort 'cloudep-web', 'cloudep-es', 'cloudep-spa', $zitadel->ready->{project_id}],
        'aud has all clients and the project');
    is_deeply([@{$claims}{qw(azp client_id urn:zitadel:iam:user:resourceowner:id)}], [('cloudep-web') x 2, $zitadel->ready->{org_id}],
        'azp and organisation');
    ok(!exists $claims->{email} && !exists $claims->{name}, 'no address and no name');
    my $info = $zitadel->call(GET => '/me', undef, Authorization => "Bearer $answer->{json}{access_token}")->{json};
    is_deeply([@{$info}{qw(email email_verified)}], ['z@example.com', $true], 'which userinfo has');
    $zitadel->state(org_id => '99');
    my $other = exchange($zitadel, 'web', back($zitadel, 'web', { account => '2301' })->{code});
    is(CloudEP::OIDC->claims($other->{json}{id_token})->{'urn:zitadel:iam:user:resourceowner:id'}, '99',
        'the organisation is a switch');
    $zitadel->stop;
};

done_testing();
