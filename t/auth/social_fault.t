# Social login when something is wrong on the way: the provider down, slow, lying or changing its keys, our own services
# away, parts not configured. And the way through ZITADEL, whose id_tokens have no address.
use strict;
use warnings;
use CloudEP::Process qw(run spew wait_until);
use CloudEP::Social;
use CloudEP::Test;
use CloudEP::Zitadel;
use POSIX ();
use Time::HiRes qw(sleep);

my $APP = 'https://app.example/cb';
my $dir = CloudEP::Test::own_folder('social');
my $peer = CloudEP::Social::peer($dir, [$APP]);
my $pg = own_postgres();
my $memcached = own_memcached();
my %quick = (CloudEPOIDCTimeout => 800, CloudEPOIDCFailures => 1000, CloudEPJWKSMinInterval => 1);

# Another server on the same data.
sub another {
    my ($providers, %options) = @_;
    return own_server(pg => $pg, memcached => $memcached, with => $providers, %options);
}

my $google = CloudEP::Social::directive(google => $peer, 'web', $dir);
my $server = another([$google], values => \%quick)->start;
my $tenant = tenant(server => $server);
$server->ctl(qw(tenant set --slug), $tenant->{slug}, '--redirect-uri', $APP);
my $register = CloudEP::Social->new(kind => 'register', client => client(server => $server), peer => $peer, tenant => $tenant, redirect => $APP);
my $login = $register->with(kind => 'login');
my @both = ($register, $login);

sub on { my ($flow, $other) = @_; return $flow->with(client => client(server => $other)) }
sub account { CloudEP::Social::account($peer, @_) }
my $ada = account();
is($register->run($ada)->status, 200, 'Ada is registered');
expect_log(qr/OpenID provider/, qr/asking the provider (?:who it is|where to log in) failed \(/);

subtest 'the answer to a code' => sub {
    my $forged = sub {
        my ($how, %claims) = @_;
        my $now = int time;
        my %usual = (iss => $peer->issuer, sub => $ada, aud => 'cloudep-web', iat => $now, exp => $now + 300, nonce => 'x');
        my $token = $peer->door(POST => 'sign', { claims => { %usual, %claims }, %$how })->{id_token};
        return { status => 200, json => { access_token => 'x', token_type => 'Bearer', id_token => $token } };
    };
    my %fault = (
        'an error' => { status => 500 }, 'too many requests' => { status => 429 }, 'no JSON' => { bad_json => JSON::PP::true },
        'a lost answer' => { cut => 'after' }, 'a cut connection' => { cut => 'before' }, 'half an answer' => { cut => 'mid' },
        'a right answer after 3 s' => { delay_ms => 3000 }, 'a redirect' => { status => 302, headers => { Location => $peer->issuer . '/me' } },
        'an endless answer' => { huge_body => 1_000_000 }, 'no id_token' => { status => 200, json => { access_token => 'x' } },
        'our secret is wrong' => { status => 401, json => { error => 'invalid_client' } },
        'an id_token of another issuer' => $forged->({}, iss => 'https://evil.example'),
        'an id_token for another client' => $forged->({}, aud => 'cloudep-es'),
        'an id_token that another asked for' => $forged->({}, aud => ['cloudep-web', 'cloudep-es'], azp => 'cloudep-es'),
        'an expired id_token' => $forged->({}, exp => int(time) - 100), 'an unsigned id_token' => $forged->({ header => { alg => 'none' } }),
        'an id_token with the public key as secret' => $forged->({ header => { alg => 'HS256' } }),
        'an id_token with a key that nobody has' => $forged->({ header => { kid => 'unknown' } }),
        'an access token as id_token' => $forged->({ header => { typ => 'at+jwt' } }),
    );
    for my $name (sort keys %fault) {
        my $back = $login->visit($ada);
        $peer->fault(path => '/token', times => 1, %{ $fault{$name} });
        outcome($login->callback($back), 502, 28802000, $name);
        $peer->clear_faults;
        outcome($login->callback($back), 400, 28101000, 'the state is used up nevertheless') if $name eq 'an error';
    }
    my $back = $login->visit($ada);
    $peer->fault(path => '/token', times => 1, %{ $forged->({}) });
    outcome($login->callback($back), 400, 28101000, "the id_token of another login: its nonce");
    for my $error (qw(invalid_grant invalid_request)) {
        $back = $login->visit($ada);
        $peer->fault(path => '/token', times => 1, status => 400, json => { error => $error });
        outcome($login->callback($back), 400, 28101000, "the provider says $error");
    }
    $peer->clear_faults;
    outcome($register->run(account()), 200, 102000, 'and all is well again');
    my $new = $register->visit(account());
    $peer->fault(path => '/token', times => 1, status => 503);
    outcome($register->callback($new), 502, 28802000, 'a registration');
    is($server->value('SELECT uses FROM cloudep.invites WHERE code = :\'code\'', code => $tenant->{invite}), 2, 'takes no use of the invite then');
};

subtest 'keys that change' => sub {
    $peer->rotate;
    outcome($login->run($ada), 200, 102000, 'the next key');
    $peer->rotate(drop_old => JSON::PP::true);
    $peer->rotate(drop_old => JSON::PP::true);
    sleep 1.1;
    is($login->run($ada)->status, 200, 'one that was not known') for 1 .. 3;
    $peer->rotate(keep_id => JSON::PP::true);
    sleep 1.1;
    is($login->run($ada)->status, 200, 'another one under the kid of before') for 1 .. 3;
    $peer->door(DELETE => 'requests');
    $peer->fault(path => '/jwks', status => 200, json => { keys => [{ kty => 'AKP', kid => 'x' }] });
    $peer->rotate(keep_id => JSON::PP::true);
    sleep 1.1;
    outcome($login->run($ada), 502, 28802000, 'keys of which none can be used') for 1 .. 3;
    like($server->log, qr/CE520: OpenID provider \S+ \S+\/jwks: no key in there that we could use/, 'the log says so');
    unlike($server->log, qr/\(null\)/, 'and has a reason for everything');
    $peer->clear_faults;
    sleep 1.1;
    is($login->run($ada)->status, 200, 'until there are some again') for 1 .. 3;
    $peer->fault(path => '/jwks', status => 500);

    # A child that was not asked since has not got them, and says 502.
    ok((grep { $login->run($ada)->status == 200 } 1 .. 10), 'the keys that are there stay good');
    $peer->clear_faults;
    sleep 1.1;
};

subtest 'other requests go on' => sub {

    # A child that gets all twelve has a connection to the provider for each.
    my $patient = another([$google], values => { %quick, CloudEPOIDCTimeout => 30_000, CloudEPOIDCConnections => 12 })->start;
    my $flow = on($login, $patient);
    my @back = map { $flow->visit($ada) } 1 .. 12;
    my $me = $flow->{client}->with(token => $flow->run($ada)->data->{access_token});
    $peer->fault(path => '/token', delay_ms => 8000);
    $peer->door(DELETE => 'requests');
    my $pid = fork // die;
    if (!$pid) {
        my @answers = $flow->{client}->parallel(map { ['GET', "/api/v1/auth/login/social/callback?code=$_->{code}&state=$_->{state}", undef,
                    Cookie => $_->{cookie}] } @back);
        POSIX::_exit(grep({ $_->status == 200 } @answers) == 12 ? 0 : 1);
    }
    ok(wait_until(60, sub { ($peer->requests->{counts}{'POST /token'} // 0) == 12 }), 'the provider is asked for twelve');
    is(scalar(grep { $me->get('/api/v1/members/me')->status == 200 } 1 .. 20), 20, 'twenty profiles are read');
    is(waitpid($pid, POSIX::WNOHANG()), 0, 'while the twelve wait for the provider');
    waitpid $pid, 0;
    is($?, 0, 'all of whom are logged in');
    $peer->clear_faults;
    $patient->stop;
};

subtest 'breaker' => sub {
    my $careful = another([$google], values => { %quick, CloudEPOIDCFailures => 2, CloudEPOIDCPause => 1 })->start;
    my $flow = on($login, $careful);
    my @back = map { $flow->visit($ada) } 1 .. 14;
    $peer->door(DELETE => 'requests');
    $peer->fault(path => '/token', status => 503);
    outcome($flow->callback(shift @back), 502, 28802000, 'the provider fails') for 1 .. 10;
    cmp_ok($peer->requests->{counts}{'POST /token'}, '<=', 4, 'each child asks it twice, then leaves it alone');
    like($careful->log, qr/CE523: OpenID provider \S+ fails: not asked for 1 s/, 'which the log says');
    $peer->clear_faults;
    sleep 1.2;
    is((grep { $flow->callback($_)->status == 200 } @back) + 0, 4, 'after the pause it is asked again');
    like($careful->log, qr/CE524: OpenID provider \S+ answers again/, 'and that is in the log, too');
    $careful->stop;
};

subtest 'a provider that cannot be found' => sub {
    my $cold = another([$google], values => \%quick)->start;
    $peer->fault(path => '/.well-known/openid-configuration', status => 500);
    outcome(on($_, $cold)->start(), 502, 28802000, "$_->{kind}: its description fails") for @both;
    $peer->clear_faults;
    my %lie = ('another issuer' => { issuer => 'https://evil.example' }, 'no place to log in' => { authorization_endpoint => undef },
        'a place to log in without TLS' => { authorization_endpoint => 'http://login.example/' },
        'a script in place of an address' => { authorization_endpoint => 'javascript:alert(1)' });
    my $right = $peer->call(GET => '/.well-known/openid-configuration')->{json};
    for my $name (sort keys %lie) {
        my %said = (%$right, %{ $lie{$name} });
        delete @said{ grep { !defined $said{$_} } keys %said };
        $peer->fault(path => '/.well-known/openid-configuration', status => 200, json => \%said);
        my $misled = another([$google], values => \%quick)->start;
        outcome(on($login, $misled)->start(), 502, 28802000, $name);
        $misled->stop;
        $peer->clear_faults;
    }
    $cold->stop;
    my $other = CloudEP::Social::peer($dir, [$APP]);
    my @lines = CloudEP::Social::directive(google => $other, 'web', $dir);
    my $warm = another(\@lines, values => { %quick, CloudEPJWKSLifetime => 1 })->start;
    is((grep { on($login, $warm)->start()->status == 200 } 1 .. 8) + 0, 8, 'as long as it is there');
    $other->stop;
    $cold = another(\@lines, values => \%quick)->start;
    outcome(on($_, $cold)->start(), 502, 28802000, "$_->{kind}: it is down") for @both;
    sleep 1.1;
    ok(wait_until(20, sub { on($login, $warm)->start()->status == 200 }), 'who knows it already goes on');
    $_->stop for $cold, $warm;
};

subtest 'userinfo' => sub {
    my $shy = CloudEP::Social::peer($dir, [$APP], '--claims', 'zitadel');
    $shy->account(sub => 'z1', email => fresh_email(), email_verified => JSON::PP::true, name => 'Zoe');
    $shy->account(sub => 'z2', email => fresh_email(), email_verified => JSON::PP::false, name => 'Zed');
    my $third = another([CloudEP::Social::directive(google => $shy, 'es', $dir)], values => \%quick)->start;
    my ($up, $in) = map { on($_, $third)->with(peer => $shy) } @both;
    for my $fault ({ status => 500 }, { status => 401 }, { bad_json => JSON::PP::true },
        { status => 200, json => { sub => 'z2', email => 'x@example.com', email_verified => JSON::PP::true } },
        { status => 200, json => { email => 'x@example.com', email_verified => JSON::PP::true } }) {
        my $back = $up->visit('z1');
        $shy->fault(path => '/me', times => 1, %$fault);
        outcome($up->callback($back), 502, 28802000, 'userinfo that cannot be believed: ' . join ' ', sort keys %$fault);
        $shy->clear_faults;
    }
    outcome($up->run('z2'), 403, 28505000, 'an address that is not verified');
    my $done = outcome($up->run('z1'), 200, 102000, 'an address that only userinfo has')->data;
    is(outcome($in->run('z1'), 200, 102000, 'log in')->data->{uid}, $done->{uid}, 'as the same');
    $third->stop;
    $shy->stop;
};

subtest 'Google behind ZITADEL' => sub {
    my $zitadel = zitadel(options => ['--redirect-uri', $APP]);
    $zitadel->account(sub => '1099', email => 'zgoogle@example.com', email_verified => JSON::PP::true, given_name => 'Ada', family_name => 'L', name => 'Ada L');
    my $scope = "\"scope=openid profile email urn:zitadel:iam:org:idp:id:$zitadel->{ready}{idp_id} urn:zitadel:iam:org:id:$zitadel->{ready}{orgs}{a}\"";
    my $third = another([CloudEP::Social::directive(google => $zitadel, 'web', $dir, $scope)], values => \%quick)->start;
    my ($up, $in) = map { on($_, $third)->with(peer => $zitadel) } @both;
    my $done = outcome($up->run('1099'), 200, 102000, 'register by its login page')->data;
    is(outcome($in->run('1099'), 200, 102000, 'log in')->data->{uid}, $done->{uid}, 'as the same');
    my $used = $in->visit('1099');
    is($in->callback($used, code => 'garbled')->code, 28101000, 'a code that ZITADEL calls an invalid request');
    $third->stop;
};

subtest 'our own services' => sub {
    expect_log(qr/failed \((?:database|memcached|cache)/, qr/memcached|PostgreSQL|DBD|dbd|connect/i);
    my %back = map { $_->{kind} => [map { my $flow = $_; $flow->visit($flow->{kind} eq 'login' ? $ada : account()) } ($_) x 2] } @both;
    $memcached->kill9;
    outcome($_->start(), 500, 28601000, "$_->{kind}: start without memcached") for @both;
    outcome($_->callback($back{ $_->{kind} }[0]), 500, 28601000, "$_->{kind}: callback without memcached") for @both;
    $memcached->start;
    sleep 1.2;
    %back = map { $_->{kind} => $_->visit($_->{kind} eq 'login' ? $ada : account()) } @both;
    $pg->stop;
    outcome($_->start(), 500, 28201000, "$_->{kind}: start without PostgreSQL") for @both;
    outcome($_->callback($back{ $_->{kind} }), 500, 28201000, "$_->{kind}: callback without PostgreSQL") for @both;
    $pg->start;
    outcome($login->run($ada), 200, 102000, 'both are back');
};

subtest 'not configured' => sub {
    my $none = another([])->start;
    like($none->log, qr/CE10: .*social login \(CloudEPSocialProvider\)/, 'the start says so');
    for my $flow (map { on($_, $none) } @both) {
        outcome($flow->start(), 501, 28605000, "$flow->{kind}: start");
        outcome($flow->callback({ code => 'x', state => 'y' }), 501, 28605000, "$flow->{kind}: callback");
    }
    $none->stop;
    my $other = another([CloudEP::Social::directive(company => $peer, 'web', $dir)])->start;
    outcome(on($_, $other)->start(), 501, 28605000, "$_->{kind}: Google is not, but another is") for @both;
    my $back = $login->visit($ada);
    outcome(on($login, $other)->callback($back), 501, 28605000, 'Google was at the start, but is not any more');
    is(on($login, $other)->with(provider => 'company')->run($ada)->status, 200, 'a second provider is configuration only');
    $other->stop;
    for my $without (qw(CloudEPMemcacheServer CloudEPSealingKeys CloudEPDatabase CloudEPSigningKeys)) {
        my $less = another([$google], without => [$without])->start;
        outcome(on($_, $less)->start(), 501, 28605000, "$_->{kind}: without $without") for @both;
        $less->stop;
    }
};

subtest 'wrong directives' => sub {
    expect_log(qr/CE1: .*CloudEPSocialProvider/);
    spew("$dir/open", "secret\n");
    chmod 0644, "$dir/open";
    my $start = 'CloudEPSocialProvider google https://accounts.example client';
    my %file = (short => 'x' x 31, long => 'x' x 32, p384 => pem('P-384'), p256 => pem('P-256'));
    for my $name (keys %file) {
        spew("$dir/$name", "$file{$name}\n");
        chmod 0600, "$dir/$name";
    }
    my ($jwt, $page) = ('secret=jwt key_id=K team_id=T', 'page=https://app.example/cb');
    my %wrong = (
        'CloudEPSocialProvider google https://accounts.example client' => qr/takes 4 to 32 words/,
        'CloudEPSocialProvider a.b https://accounts.example client none' => qr/the name must be/,
        'CloudEPSocialProvider google http://accounts.example client none' => qr/the issuer must be an https URL/,
        'CloudEPSocialProvider google https://accounts.example?x client none' => qr/the issuer must be an https URL/,
        "$start /no/such/file" => qr/CloudEPSocialProvider/, "$start $dir/open" => qr/CloudEPSocialProvider/,
        "$start none scope=email" => qr/openid/, "$start none auth=digest" => qr/basic or post/, "$start none prompt" => qr/not name=value/,
        "$start none redirect_uri=https://evil.example" => qr/redirect_uri is set by CloudEP itself/,
        "$start none email=true" => qr/email is verified \(.*\) or trusted/,
        "$start none alg=none" => qr/alg=none: the algorithms of id_tokens are RS256, .* or HS256 alone/,
        "$start $dir/long alg=HS256,RS256" => qr/alg=HS256,RS256: .* or HS256 alone/, "$start none alg=," => qr/alg names no algorithm/,
        "$start none alg=HS256" => qr/needs a client secret of at least 32 bytes/,
        "$start $dir/short alg=HS256" => qr/needs a client secret of at least 32 bytes/,
        "$start $dir/p256 $jwt alg=HS256" => qr/needs a client secret of at least 32 bytes/,
        "$start none response_mode=fragment $page" => qr/response_mode is form_post, or query/,
        "$start none response_mode=form_post" => qr/response_mode=form_post needs page=URL/, "$start none $page" => qr/page is for response_mode=form_post/,
        "$start none response_mode=query $page" => qr/page is for response_mode=form_post/,
        "$start none response_mode=form_post page=http://app.example/" => qr/page must be an https URL/,
        "$start none response_mode=form_post page=https://app.example/#x" => qr/page must be an https URL/,
        "$start $dir/p256 secret=hmac key_id=K team_id=T" => qr/secret is jwt; leave it out/,
        "$start $dir/p256 secret=jwt key_id=K" => qr/secret=jwt needs key_id=... and team_id=.../,
        "$start $dir/p256 secret=jwt team_id=T" => qr/secret=jwt needs key_id=... and team_id=.../,
        "$start none $jwt" => qr/secret=jwt needs the file of the key/, "$start $dir/long key_id=K" => qr/are for secret=jwt/,
        "$start $dir/long team_id=T" => qr/are for secret=jwt/,
        "$start $dir/p384 $jwt" => qr/needs a private key of P-256 in PEM/, "$start $dir/long $jwt" => qr/needs a private key of P-256 in PEM/,
        "$start $dir/open $jwt" => qr/chmod 600/, "$start none auth=post auth=post" => qr/auth is there twice/,
        (map { ("CloudEPSocialProvider entra https://login.microsoftonline.com/$_/v2.0 client none" => qr/the issuer must name one directory/) }
                qw(common organizations consumers)),
        "$start none\n$start none" => qr/one of its own/,
    );
    like(another([$_])->refuses_to_start, $wrong{$_}, s/\n.*//rs) for sort keys %wrong;
};

# A private key in PEM.
sub pem { my ($curve) = @_; return scalar run(undef, qw(openssl genpkey -algorithm EC -pkeyopt), "ec_paramgen_curve:$curve") }

$peer->stop;
finish();
