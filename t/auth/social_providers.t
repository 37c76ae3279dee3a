# Social login with a provider in the shape of each that doc/social.md has a recipe for. The recipe is the line in use, but
# for issuer, client and files; what is particular to the provider is looked at beside it.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp);
use CloudEP::Social;
use CloudEP::Test;
use JSON::PP ();
use URI;

my $APP = 'https://app.example/cb';
my $PAGE = 'https://app.example/callback?from=apple';
my %FORM = map { $_ => "https://id.example/api/v1/auth/$_/social/callback" } qw(register login);
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $dir = CloudEP::Test::own_folder('social_providers');
my $peer = CloudEP::Social::peer($dir, [$APP, values %FORM]);
my $guide = slurp(CloudEP::Httpd::top() . '/doc/social.md');

# The parameters of a recipe: what stands behind its fourth word.
sub parameters {
    my ($title, $name) = @_;
    my ($line) = $guide =~ /^### \Q$title\E\n\n    (CloudEPSocialProvider \Q$name\E https:.*)$/m or die "no recipe of $title";
    my ($parameters) = $line =~ /^(?:\S+ ){4}\S+ ?(.*)$/;
    return $parameters =~ s/\bpage=\S+/page=$PAGE/r;
}

# The row of a recipe, or of another client or with other parameters.
sub row {
    my ($title, $name, %other) = @_;
    return CloudEP::Social::directive($other{as} // $name, $peer, $other{client} // 'web', $dir, $other{parameters} // parameters($title, $name));
}

my $p8 = $peer->ready->{clients}{apple};
my $apple = parameters('Apple', 'apple') =~ s/key_id=\S+/key_id=$p8->{key_id}/r =~ s/team_id=\S+/team_id=$p8->{team_id}/r;
my $pg = own_postgres();
my $memcached = own_memcached();
my $server = own_server(pg => $pg, memcached => $memcached, values => { CloudEPJWKSMinInterval => 1 }, with => [
        row(Google => 'google'),
        row(LINE => 'line', client => 'line'),
        row(LINE => 'line', as => 'line-verified', client => 'line', parameters => 'alg=HS256 auth=post'),
        row(LINE => 'line', as => 'line-es', client => 'line', parameters => 'auth=post email=trusted'),
        row(Apple => 'apple', client => 'apple', parameters => $apple),
        row(Apple => 'apple', as => 'apple-other', client => 'apple', parameters => $apple =~ s/team_id=\S+/team_id=OTHERTEAM1/r),
        row('Microsoft Entra' => 'entra'),
        row('Microsoft Entra' => 'entra', as => 'entra-verified', parameters => 'email=verified'),
        (map { row('Microsoft Entra' => 'entra', as => "entra-$_", client => $_) } qw(rs512 ps256)),
        row('Microsoft Entra' => 'entra', as => 'entra-alg', client => 'rs512', parameters => 'email=trusted alg=RS256,PS256'),
        row(Okta => 'okta'),
        row(Keycloak => 'keycloak'),
        row(Keycloak => 'keycloak', as => 'keycloak-alg', parameters => 'alg=RS256'),
        row(ZITADEL => 'zitadel'), '<Location /account/api/auth>', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie', '</Location>',
])->start;
my $client = client(server => $server);
my $tenant = tenant(server => $server);
$server->ctl(qw(tenant set --slug), $tenant->{slug}, map { ('--redirect-uri', $_) } $APP, values %FORM);
my $register = CloudEP::Social->new(kind => 'register', client => $client, peer => $peer, tenant => $tenant, redirect => $APP);

# Registration and login at a provider, which from now on has that shape.
sub flows {
    my ($shape, $provider) = @_;
    $peer->state(claims => $shape);
    return map { $register->with(kind => $_, provider => $provider // $shape) } qw(register login);
}

sub account { CloudEP::Social::account($peer, @_) }

sub profile {
    my ($tokens) = @_;
    return $client->with(token => $tokens->{access_token})->get('/api/v1/members/me')->data;
}

# Registers and logs in; returns the profile.
sub works {
    my ($register, $login, $sub) = @_;
    my $tokens = outcome($register->run($sub), 200, 102000, 'register')->data;
    is(outcome($login->run($sub), 200, 102000, 'log in')->data->{uid}, $tokens->{uid}, 'as the same');
    return profile($tokens);
}

# What the provider gives for the next code: an id_token to order for a login that was started.
sub forge {
    my ($flow, $sub, $audience, %how) = @_;
    my $started = $flow->start;
    my %query = URI->new($started->data->{oauth_url})->query_form;
    my $now = int time;
    my $made = $peer->door(POST => 'sign', { claims => { iss => $peer->issuer, sub => $sub, aud => $audience, iat => $now, exp => $now + 300,
                nonce => $query{nonce} }, %how })->{id_token};
    $peer->fault(path => '/token', times => 1, status => 200, json => { access_token => 'x', token_type => 'Bearer', id_token => $made });
    return { code => 'x', state => $query{state}, cookie => CloudEP::Social::cookie($started) };
}

subtest 'Google' => sub {
    my ($up, $in) = flows('google');
    my $email = fresh_email();
    my $me = works($up, $in, account(email => $email, name => 'Gina'));
    is_deeply([@{$me}{qw(display_name origin)}], ['Gina', 'google'], 'with the name that the id_token has');
    is($server->value("SELECT email FROM cloudep.members WHERE uid = :'uid'", uid => $me->{uid}), $email, 'and its address');
    my $sub = account();
    is($up->run($sub)->status, 200, 'who is registered');
    outcome($in->callback(forge($in, $sub, 'cloudep-web', header => { x5c => ['MIIBmadeup'] })), 200, 102000,
        'logs in by a token with a certificate in its header');
    expect_log(qr/OpenID provider/, qr/asking the provider who it is failed \(/);
    outcome($in->callback(forge($in, $sub, 'cloudep-web', key => 'unknown', header => { x5c => ['MIIBmadeup'], kid => 'key-1' })), 502, 28802000,
        'which is not trusted');
};

subtest 'LINE' => sub {
    my ($up, $in) = flows('line');
    my $sub = account(name => 'Lin');
    is(works($up, $in, $sub)->{display_name}, 'Lin', 'with the name that the id_token has');
    is(outcome($up->with(provider => 'line-verified')->run(account()), 403, 28505000, 'without email=trusted')->json->{reason},
        'email_unverified', 'an address of which nothing is said registers nobody');
    outcome($in->with(provider => 'line-verified')->run($sub), 200, 102000, 'but whoever is registered logs in');
    outcome($in->callback(forge($in, $sub, '1657000001')), 502, 28802000, 'a published key is none for alg=HS256');
    outcome($in->callback(forge($in, $sub, '1657000001', header => { alg => 'HS256' })), 502, 28802000, 'nor is it as a secret');
    outcome($in->with(provider => 'line-es')->run($sub), 502, 28802000, 'the secret is no key without alg=HS256');
    my $started = $in->start;
    my ($state) = $started->data->{oauth_url} =~ /[?&]state=([^&]+)/;
    is(outcome($in->callback({ state => $state, cookie => CloudEP::Social::cookie($started) }, error => 'ACCESS_DENIED'), 403, 28505000,
            'somebody cancels')->json->{reason}, 'login_cancelled', 'which LINE writes in capitals');
};

subtest 'Apple' => sub {
    my ($up, $in) = map { $_->with(redirect => $FORM{ $_->{kind} }) } flows('apple');
    my $sub = account(email_verified => 'true', given_name => 'Ada', family_name => "L'Ovelace");
    my $started = $up->start;
    like($started->data->{oauth_url}, qr/[?&]response_mode=form_post(?:&|$)/, 'Apple is asked to post');
    my $posted = $peer->login($started->data->{oauth_url}, account => $sub);
    is($posted->{posted}, $FORM{register}, 'Apple posts to our callback');
    like($posted->{user}, qr/"firstName":"Ada"/, 'with the name');
    my $back;
    for (1, 2) {
        my $answer = $up->post_form($posted);
        is($answer->status, 303, 'the post is passed on');
        my $page = URI->new($answer->header('Location'));
        $back = { $page->query_form };
        is_deeply([sort keys %$back], [qw(code from iss state)], 'to the page, with code, state and iss');
        is($page =~ s/&.*//r, $PAGE, 'which the row names');
        is($answer->header('Set-Cookie'), undef, 'without a cookie');
        is($answer->header('Referrer-Policy'), 'no-referrer', 'and the address goes nowhere else');
    }
    outcome($up->callback($back), 400, 28101000, 'nobody else ends it');
    my $tokens = outcome($up->callback($back, cookie => CloudEP::Social::cookie($started)), 200, 102000, 'who started it does')->data;
    is(profile($tokens)->{display_name}, "Ada L'Ovelace", 'with the name that came once');
    outcome($up->post_form($posted), 400, 28101000, 'a post for a state that was used');
    is($in->run($sub)->data->{uid}, $tokens->{uid}, 'log in');

    my $second = tenant(server => $server);
    $server->ctl(qw(tenant set --slug), $second->{slug}, map { ('--redirect-uri', $_) } values %FORM);
    is(profile($up->with(tenant => $second)->run($sub)->data)->{display_name}, undef, 'the second time there is no name');

    $started = $in->start;
    $posted = $peer->login($started->data->{oauth_url}, cancel => 1);
    is($posted->{error}, 'user_cancelled_authorize', 'somebody cancels');
    is(outcome($in->callback({ %{ $in->post_back($posted) }, cookie => CloudEP::Social::cookie($started) }, error => $posted->{error}), 403, 28505000,
            'the page hands it on')->json->{reason}, 'login_cancelled', 'and they are told so');
    expect_log(qr/OpenID provider/, qr/asking the provider who it is failed \(/);
    outcome($in->with(provider => 'apple-other')->run($sub), 502, 28802000, 'a client secret of another team');
};

subtest 'what is posted' => sub {
    my ($up, $in) = map { $_->with(redirect => $FORM{ $_->{kind} }) } flows('apple');
    for my $flow ($up, $in) {
        my $kind = $flow->{kind};
        my $path = "/api/v1/auth/$kind/social/callback";
        my ($state) = $flow->start->data->{oauth_url} =~ /[?&]state=([^&]+)/;
        my %form = (code => 'x', state => $state);
        outcome($flow->post_form({ %form, state => "$state-" }), 400, 28101000, "$kind: a state that is not ours");
        outcome($flow->post_form({ code => 'x' }), 400, 10104000, "$kind: no state");
        outcome($flow->post_form({ state => $state }), 400, 10104000, "$kind: neither code nor error");
        outcome($flow->post_form({ %form, code => 'x' x 8193 }), 400, 10101000, "$kind: a code that is too long");
        is($flow->post_form({ %form, user => 'Ada' })->status, 303, "$kind: a name that is no JSON does not matter");
        my @form = ('Content-Type' => 'application/x-www-form-urlencoded');
        outcome($client->request(POST => $path, "code=x&state=$state&state=$state", @form), 400, 10101000, "$kind: two states");
        outcome($client->request(POST => $path, 'code=%zz&state=y', @form), 400, 10101000, "$kind: no form");
        outcome($client->request(POST => $path, "code=x&state=y\0", @form), 400, 10101000, "$kind: a NUL");
        outcome($client->post($path, \%form), 415, 10105000, "$kind: JSON");
        outcome($client->request(POST => $path, 'code=' . 'x' x 100_000, @form), 413, 10103000, "$kind: a body that is too large");
        my ($other) = $flow->with(provider => 'google', redirect => $APP)->start->data->{oauth_url} =~ /[?&]state=([^&]+)/;
        outcome($flow->post_form({ %form, state => $other }), 400, 28101000, "$kind: a provider that does not post");
        my ($wrong) = grep { $_ ne $flow } $up, $in;
        outcome($wrong->post_form(\%form), 400, 28101000, "$kind: the other flow's state");
        is($client->request(POST => "/account/api/auth/$kind/social/callback", "code=x&state=$state", @form, Origin => 'https://appleid.apple.com',
                'Sec-Fetch-Site' => 'cross-site')->status, 303, "$kind: where tokens are delivered by cookie no XSRF header is asked for");
        is($client->request(OPTIONS => $path)->header('Allow'), 'OPTIONS, GET, POST', "$kind: no HEAD");
    }
    my $events = $server->value("SELECT count(*) FROM cloudep.events WHERE name LIKE '%social.form'");
    is($events, 0, 'a post leaves no event');
};

subtest 'Microsoft Entra' => sub {
    my ($up, $in) = flows('entra');
    my @groups = map { sprintf '%08x-0000-4000-8000-%012x', $_, $_ } 1 .. 1000;
    my $sub = account(name => 'Enya', oid => 'o', tid => 't', ver => '2.0', groups => \@groups);
    is(works($up, $in, $sub)->{display_name}, 'Enya', 'with the name that the id_token has');
    cmp_ok(length $in->visit($sub)->{code}, '>', 3000, 'by codes of more than 3000 characters');
    cmp_ok(length JSON::PP->new->encode(\@groups), '>', 30_000, 'and id_tokens of more than 30 000');
    outcome($up->with(provider => 'entra-verified')->run(account()), 403, 28505000, 'without email=trusted nobody registers');
    outcome($in->with(provider => 'entra-verified')->run($sub), 200, 102000, 'but whoever is registered logs in');
    outcome($in->with(provider => "entra-$_")->run($sub), 200, 102000, uc "$_ by a key that says no alg") for qw(rs512 ps256);
    outcome($in->with(provider => 'entra-alg')->run($sub), 502, 28802000, 'RS512 where alg= names others');
    like($server->log, qr/CE521: OpenID provider \S+ id_token: its algorithm is not among those that alg= names/, 'which the log says');
    $peer->state(claims => 'google');
    outcome($up->run(account(email_verified => $false)), 403, 28505000, 'a provider that says no is believed');
};

subtest 'Okta' => sub {
    my ($up, $in) = flows('okta');
    my $asked = sub { $peer->requests->{counts}{'GET /me'} // 0 };
    my $sub = account(name => 'Otto');
    my $before = $asked->();
    my $tokens = outcome($up->run($sub), 200, 102000, 'register')->data;
    is(profile($tokens)->{display_name}, 'Otto', 'with the name that userinfo has');
    is($asked->(), $before + 1, 'which is asked for it');
    outcome($in->run($sub), 200, 102000, 'log in');
    is($asked->(), $before + 1, 'for which nobody needs userinfo');
};

subtest 'Keycloak' => sub {
    my ($up, $in) = flows('keycloak');
    my $sub = account(name => 'Kay');
    is(works($up, $in, $sub)->{display_name}, 'Kay', 'by PS256, with a key for encryption beside it');
    outcome($up->run(account(email_verified => $false)), 403, 28505000, 'an address that is not verified there');
    outcome($in->with(provider => 'keycloak-alg')->run($sub), 502, 28802000, 'PS256 where alg= names RS256');
};

subtest 'ZITADEL' => sub {
    my ($up, $in) = flows('zitadel');
    is(works($up, $in, account(name => 'Zita'))->{display_name}, 'Zita', 'several audiences, address and name at userinfo');
};

$peer->stop;
finish();
