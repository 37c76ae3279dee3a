# token/exchange with the id_tokens of a ZITADEL (the stand-in): who gets in, what a token must not be, and what happens
# while ZITADEL changes its keys, is slow, or is away.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Test;
use CloudEP::Totp;
use CloudEP::Zitadel;
use Time::HiRes qw(sleep time);

my $ORG = 'urn:zitadel:iam:user:resourceowner:id';
my $zitadel = zitadel();
my ($web, $spa) = map { $_->{client_id} } @{ $zitadel->ready->{clients} }{qw(web spa)};
my %settings = (CloudEPExchangeIssuer => $zitadel->issuer, CloudEPExchangeAudience => $web, CloudEPJWKSMinInterval => 1);
my $pg = own_postgres();
my $memcached = own_memcached();
our $server = own_server(pg => $pg, memcached => $memcached, values => \%settings)->start;
our $client = client(server => $server);
our $tenant = zitadel_tenant($server, $zitadel);
my $member = register_member(tenant => $tenant);
my $org = $zitadel->ready->{orgs}{a};
my $sub = '230100000000000001';
link_member($member->{uid}, $sub);

# Makes an account at the issuer a member's, as a social registration with that issuer would have done.
sub link_member {
    my ($uid, $subject, $issuer) = @_;
    $server->psql("INSERT INTO cloudep.identities SELECT tenant_id, :'issuer', :'subject', uid FROM cloudep.members WHERE uid = :'uid'",
        uid => $uid, subject => $subject, issuer => $issuer // $zitadel->issuer);
}

# An id_token as ZITADEL makes it for this member, or with something else in it; another each time.
my $made = 0;
sub id_token {
    my (%how) = @_;
    my %claims = ($ORG => $org, test => ++$made, %{ delete $how{claims} // {} });
    return $zitadel->door(POST => 'issue-id-token', { sub => $sub, claims => \%claims, %how })->{id_token};
}

sub exchange { my ($token, %fields) = @_; return $client->post('/api/v1/auth/token/exchange', { tenant_slug => $tenant->{slug}, id_token => $token, %fields }) }
sub refused { my ($name, $token, %fields) = @_; local $Test::Builder::Level = $Test::Builder::Level + 1; return outcome(exchange($token, %fields), 401, 28501000, $name) }

subtest 'who gets in' => sub {
    my $token = id_token();
    my $data = outcome(exchange($token), 200, 102000, 'an id_token')->data;
    is_deeply([sort keys %$data], [qw(access_token expires_in refresh_token token_type uid)], 'gives tokens');
    is($data->{uid}, $member->{uid}, 'of the member whose issuer and subject it names');
    is($client->with(token => $data->{access_token})->get('/api/v1/members/me')->data->{uid}, $member->{uid}, 'which work');

    # A repeat within CloudEPRefreshGrace is answered as refresh answers one: with the same session.
    my $claims = sub { (CloudEP::Jwt::parts($_[0]->data->{refresh_token}))[1] };
    my $same = outcome(exchange($token), 200, 102000, 'the same once more');
    is_deeply($claims->($same), (CloudEP::Jwt::parts($data->{refresh_token}))[1], 'is answered with the same session');
    my $again = id_token();
    my @answers = $client->parallel(map { ['POST', '/api/v1/auth/token/exchange', { tenant_slug => $tenant->{slug}, id_token => $again }] } 1 .. 8);
    is(scalar(grep { $_->status == 200 } @answers), 8, 'eight at once get through');
    my %sessions = map { $claims->($_)->{sid} => 1 } @answers;
    is(scalar keys %sessions, 1, 'into one session');
    my $malleable = id_token(key => 'es');
    is((my $first = exchange($malleable))->status, 200, 'ES256');
    my ($signed, $signature) = $malleable =~ /^(.*)\.([^.]+)$/;
    my $other = outcome(exchange("$signed." . other_spelling($signature)), 200, 102000, 'the same with the other spelling of its signature');
    is($claims->($other)->{sid}, $claims->($first)->{sid}, 'is no other token');
    outcome($client->post('/api/v1/auth/token/refresh', { refresh_token => $other->data->{refresh_token} }), 200, 102000, 'its session goes on');
    refused('then a repeat is refused', $malleable);
    is($client->with(token => $same->data->{access_token})->post('/api/v1/auth/logout', undef)->status, 200, 'and so it is');
    refused('when the session is over', $token);
    $server->psql("UPDATE cloudep.used_id_tokens SET used_at = used_at - interval '11 seconds'");
    refused('a repeat after the grace', $again);

    outcome($client->post('/api/v1/auth/token/exchange', { tenant_slug => $tenant->{slug} }), 400, 10104000, 'no id_token');
    outcome(exchange('a b'), 400, 10101000, 'not a token');
    outcome(exchange(id_token(), tenant_slug => 'no-such-tenant'), 404, 29301000, 'no such tenant');
    outcome(exchange(id_token(sub => '999')), 404, 29301000, 'nobody here');
    outcome(exchange(id_token(sub => $member->{uid})), 404, 29301000, 'a subject that is a uid means nothing while passwords live here');
    outcome(exchange(id_token(sub => '998', claims => { email => $member->{email}, email_verified => JSON::PP::true })), 404, 29301000,
        'an email makes nobody a member');
};

# s and n - s sign the same for ECDSA on P-256.
sub other_spelling {
    my ($signature) = @_;
    require Math::BigInt;
    my $bytes = MIME::Base64::decode_base64url($signature);
    my $n = Math::BigInt->from_hex('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    my $s = $n->bsub(Math::BigInt->from_hex('0x' . unpack 'H*', substr $bytes, 32));
    return MIME::Base64::encode_base64url(substr($bytes, 0, 32) . pack 'H*', substr(('0' x 64) . substr($s->as_hex, 2), -64));
}

subtest 'account and tenant' => sub {
    my $state = sub { $server->psql("UPDATE cloudep.members SET status = '$_[0]' WHERE uid = :'uid'", uid => $member->{uid}) };
    for my $status (qw(suspended pending)) {
        $state->($status);
        outcome(exchange(id_token()), 403, 28505000, "a member who is $status");
    }
    $state->('active');
    $server->ctl(qw(tenant set --slug), $tenant->{slug}, qw(--login off));
    outcome(exchange(id_token()), 403, 28505000, 'the tenant allows no login');
    $server->ctl(qw(tenant set --slug), $tenant->{slug}, qw(--login on));

    my $other = zitadel_tenant($server, $zitadel, organization => 'b');
    my $there = register_member(tenant => $other);
    $server->psql("UPDATE cloudep.members SET email = :'email' WHERE uid = :'uid'", uid => $there->{uid}, email => $member->{email});
    refused("another tenant's organisation", id_token(), tenant_slug => $other->{slug});
    outcome(exchange(id_token(claims => { $ORG => $zitadel->ready->{orgs}{b} }), tenant_slug => $other->{slug}), 404, 29301000,
        'the subject of a member of another tenant, with the same email');
    link_member($there->{uid}, $sub);
    is(exchange(id_token(claims => { $ORG => $zitadel->ready->{orgs}{b} }), tenant_slug => $other->{slug})->data->{uid}, $there->{uid},
        'a person may be a member of both');
    refused('no organisation in the token', id_token(claims => { $ORG => JSON::PP::null }));
    refused('an organisation that is no text', id_token(claims => { $ORG => [$org] }));
    my $none = tenant(server => $server);
    refused('a tenant without one', id_token(), tenant_slug => $none->{slug});

    totp_enroll($member, $server);
    my $asked = outcome(exchange(id_token()), 200, 102000, 'a member with TOTP')->data;
    is_deeply([sort keys %$asked], [qw(mfa_challenge_id mfa_expires_in mfa_methods mfa_required)], 'is asked for it');
    $memcached->stop;
    outcome(exchange(id_token()), 500, 28601000, 'which takes memcached');
    $memcached->start;
    $pg->stop;
    outcome(exchange(id_token()), 500, 28201000, 'and PostgreSQL');
    $pg->start;
    expect_log(qr/failed \((?:database|memcached)/, qr/CE\d+: (?:database|memcached)/, qr/memcached|PostgreSQL|DBD|dbd|connect/i);
    totp_rewind($server, $member);
    $server->psql("DELETE FROM cloudep.totp WHERE uid = :'uid'", uid => $member->{uid});
};

subtest 'claims and times' => sub {
    outcome(exchange(id_token(iat_offset => -590, exp_offset => 0)), 200, 102000, 'not yet ten minutes old');
    refused('issued too long ago, though not expired', id_token(iat_offset => -700, exp_offset => 0));
    refused('expired', id_token(claims => { exp => time - 100 }));
    refused('issued in the future', id_token(iat_offset => 200));
    refused('not valid yet', id_token(claims => { nbf => int(time) + 200 }));
    is(exchange(id_token(iat_offset => 30))->status, 200, 'clocks may differ a little');
    refused('asked for by a client that may not', id_token(client => 'spa'));
    refused('for several, and nobody says who asked', id_token(omit => ['azp']));
    refused('azp that is no text', id_token(claims => { azp => [$web] }));
    refused('not for us', id_token(claims => { aud => [$spa], azp => $web }));
    my $own = own_server(pg => $pg, memcached => $memcached, values => { %settings, CloudEPExchangeAuthorizedParty => "$spa other",
            CloudEPExchangeSingleUse => 'Off', CloudEPExchangeMaxAge => '1h', CloudEPExchangeOrganizationClaim => 'hd',
            CloudEPOIDCClockLeeway => 200 })->start;
    local $client = client(server => $own);
    my $token = id_token(client => 'spa', iat_offset => -1800, exp_offset => 0, claims => { hd => $org });
    outcome(exchange($token), 200, 102000, 'with directives: another client, an older token, another claim') for 1, 2;
    outcome(exchange(id_token(client => 'spa', claims => { hd => $org, exp => time - 100 })), 200, 102000, 'a clock that is 100 seconds behind');
    refused('not one that is 210 behind', id_token(client => 'spa', claims => { hd => $org, exp => time - 210 }));
    refused('then the audience itself may not ask', id_token(claims => { hd => $org }));
    $own->stop;
};

subtest 'keys of our own in place of ZITADEL\'s' => sub {
    my %key = map { $_ => CloudEP::Jwt::generate($_) } qw(RS256 RS384 RS512 ES256 ES384 ES512 EdDSA);
    my $symmetric = { kty => 'oct', kid => 'shared', alg => 'HS256', k => 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I' };
    $zitadel->fault(path => '/oauth/v2/keys', status => 200, json => { keys => [$symmetric, map { $_->{public} } values %key] });
    sleep 1.1;
    my (undef, $claims) = CloudEP::Jwt::parts(id_token());
    my $fresh = sub { return { %$claims, test => ++$made } };
    for my $alg (sort keys %key) {
        my $forge = CloudEP::Jwt->new(key => $key{$alg}{private}, header => { typ => 'JWT' }, claims => $fresh->());
        outcome(exchange($forge->token), 200, 102000, "signed by $alg");
    }
    my $untyped = CloudEP::Jwt->new(key => $key{ES256}{private}, claims => $fresh->());
    is(exchange($untyped->token)->status, 200, 'typ may be missing');
    my $input = $untyped->input(header => { alg => 'HS256', kid => 'shared', typ => 'JWT' }, claims => $fresh->());
    refused('a shared secret that was published', "$input." . MIME::Base64::encode_base64url(
            Digest::SHA::hmac_sha256($input, 'secret-secret-secret-secret-secr')));
    for my $typ (qw(at+jwt rt+jwt logout+jwt dpop+jwt)) {
        refused("typ $typ", $untyped->token(header => $untyped->header(typ => $typ), claims => $fresh->()));
    }
    for my $alg (qw(RS256 ES256)) {
        my $forge = CloudEP::Jwt->new(key => $key{$alg}{private}, header => { typ => 'JWT' }, claims => $fresh->());
        for my $attack ($forge->attacks) {
            my ($name, $token) = @$attack;

            # A certificate beside somebody else's token is not looked at, and its limit is that of the body.
            outcome(exchange($token), $name =~ /^x5c, signed by our|^longer/ ? (200, 102000) : (401, 28501000), "$alg: $name");
        }
        outcome(exchange($forge->token), 200, 102000, "$alg: what they were made of is right");
    }
    $zitadel->clear_faults;
    sleep 1.1;
    is(exchange(id_token())->status, 200, "and ZITADEL's own again");
};

subtest 'rotation' => sub {
    sleep 1.1;
    $zitadel->rotate;
    outcome(exchange(id_token()), 200, 102000, 'the next key, published before');
    $zitadel->rotate(drop_old => JSON::PP::true);
    $zitadel->rotate(drop_old => JSON::PP::true);
    sleep 1.1;
    is(exchange(id_token())->status, 200, 'one that was not known is found') for 1 .. 4;
    $zitadel->door('DELETE', 'requests');
    sleep 1.1;
    refused('a key that nobody has', id_token(key => 'unknown')) for 1 .. 10;
    my @storm = $client->parallel(map { ['POST', '/api/v1/auth/token/exchange',
                { tenant_slug => $tenant->{slug}, id_token => id_token(key => 'unknown') }] } 1 .. 24);
    is(scalar(grep { $_->status == 401 } @storm), 24, 'however many ask for it');
    my $reads = asked($zitadel, 'GET /oauth/v2/keys');
    cmp_ok($reads, '<=', 8, "each child reads the keys once a second ($reads)");
    cmp_ok($reads, '>=', 1, 'but it does');
};

subtest 'ZITADEL is slow or away' => sub {
    expect_log(qr/OpenID provider/, qr/verifying an id_token failed/);
    my @kept = map { id_token() } 1 .. 4;
    my $unknown = id_token(key => 'unknown');
    $zitadel->stop;
    is(exchange($_)->status, 200, 'the keys that are there stay good') for @kept;
    sleep 1.1;
    outcome(exchange($unknown), 502, 28802000, 'whether there is another one cannot be told') for 1, 2;
    my $cold = own_server(pg => $pg, memcached => $memcached, values => { %settings, CloudEPOIDCTimeout => 500, CloudEPOIDCPause => 1 })->start;
    {
        local $client = client(server => $cold);
        outcome(exchange($unknown), 502, 28802000, 'a server that never had any');
        $zitadel->start;
        $zitadel->fault(path => '/.well-known/openid-configuration', status => 200,
            json => { issuer => 'https://evil.example', jwks_uri => $zitadel->issuer . '/oauth/v2/keys' });
        sleep 2.1;
        outcome(exchange($unknown), 502, 28802000, "another issuer's description");
        $zitadel->clear_faults;
        $zitadel->fault(path => '/oauth/v2/keys', delay_ms => 3000, times => 2);
        sleep 2.1;
        outcome(exchange(id_token()), 502, 28802000, 'ZITADEL is slow, and its right answer is not waited for');
        $zitadel->clear_faults;
        for my $fault ({ status => 500 }, { status => 200, json => { keys => [] } }, { status => 200, body => '<html>' }, { cut => 'mid' },
            { huge_body => 400_000 }) {
            sleep 2.1;
            $zitadel->fault(path => '/oauth/v2/keys', times => 1, %$fault);
            outcome(exchange(id_token()), 502, 28802000, 'keys that are none: ' . join ' ', sort keys %$fault);
            $zitadel->clear_faults;
        }
        sleep 2.1;
        my $right = exchange(id_token(claims => { aud => $web, azp => $web }));
        is($right->status, 200, 'and it is used again once it works') or diag($right->body);
    }
    $cold->stop;
};

subtest 'members whom ZITADEL knows by our uid' => sub {
    $org = $zitadel->ready->{orgs}{a};    # after its start it has others
    $settings{CloudEPExchangeAudience} = $zitadel->ready->{clients}{web}{client_id};
    my $own = zitadel_server($zitadel, values => \%settings);
    local $server = $own;
    local $client = client(server => $own);
    local $tenant = zitadel_tenant($own, $zitadel);
    my $native = register_member(tenant => $tenant, password => fresh_password() . '!Aa1');
    is(exchange(id_token(sub => $native->{uid}))->data->{uid}, $native->{uid}, 'need no identity row');
    my $elsewhere = zitadel_tenant($own, $zitadel);
    outcome(exchange(id_token(sub => $native->{uid}), tenant_slug => $elsewhere->{slug}), 404, 29301000, 'in their own tenant only');
};

subtest 'not configured' => sub {
    my $off = own_server(pg => $pg, memcached => $memcached)->start;
    outcome(client(server => $off)->post('/api/v1/auth/token/exchange', { tenant_slug => 'x', id_token => 'x' }), 501, 28605000,
        'without an issuer');
    like($off->log, qr{CE10: .*token/exchange \(CloudEPExchangeIssuer\)}, 'which the start says');
    $off->stop;
    expect_log(qr/CE1: .*CloudEPExchangeIssuer/);
    for my $wrong ({ CloudEPExchangeIssuer => 'http://zitadel.example.com' }, { CloudEPExchangeIssuer => 'https://z.example/?x=1' }) {
        my $bad = own_server(pg => $pg, memcached => $memcached, values => { %settings, %$wrong });
        like($bad->refuses_to_start, qr/CE1: .*CloudEPExchangeIssuer must be an https URL, without query/, "not an issuer: $wrong->{CloudEPExchangeIssuer}");
    }
    my $bad = own_server(pg => $pg, memcached => $memcached, values => \%settings, without => ['CloudEPExchangeAudience']);
    like($bad->refuses_to_start, qr/CE1: .*CloudEPExchangeIssuer needs CloudEPExchangeAudience/, 'no audience');
};

finish();
