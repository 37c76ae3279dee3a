# Social login with npm's oidc-provider as Google, its login page driven as a browser would: register, log in, all that
# a callback must refuse, and whom a provider's word makes whom.
use strict;
use warnings;
use CloudEP::Process qw(wait_until);
use CloudEP::Social;
use CloudEP::Test;
use CloudEP::Totp;
use URI;

my $APP = 'https://app.example/cb';
my $APP2 = 'https://app.example/other?x=1';
my $dir = CloudEP::Test::own_folder('social');
my $peer = CloudEP::Social::peer($dir, [$APP, $APP2]);

my $pg = own_postgres();
my $memcached = own_memcached();
my $server = own_server(pg => $pg, memcached => $memcached, values => { CloudEPSweepInterval => 1 }, with => [
        CloudEP::Social::directive(google => $peer, 'web', $dir, 'prompt=login', 'hd=example.com'),
        CloudEP::Social::directive(post => $peer, 'es', $dir, '"scope=openid email"'),
        CloudEP::Social::directive(public => $peer, 'spa', $dir),
])->start;
my $client = client(server => $server);
my $tenant = tenant(server => $server);
$server->ctl(qw(tenant set --slug), $tenant->{slug}, '--redirect-uri', $APP, '--redirect-uri', $APP2);
my $register = CloudEP::Social->new(kind => 'register', client => $client, peer => $peer, tenant => $tenant, redirect => $APP);
my $login = $register->with(kind => 'login');

sub account { CloudEP::Social::account($peer, @_) }
sub uses { $server->value('SELECT uses FROM cloudep.invites WHERE code = :\'code\'', code => $_[0] // $tenant->{invite}) }

sub invite {
    my ($code, @options) = @_;
    $server->ctl(qw(invite add --tenant), $tenant->{slug}, '--code', $code, @options);
    return $code;
}

subtest 'start' => sub {
    for my $flow ($register, $login) {
        my $kind = $flow->{kind};
        my $answer = outcome($flow->start(), 200, 102000, "$kind: start");
        is_deeply([sort keys %{ $answer->data }], [qw(expires_in oauth_url session_id)], 'answers what the contract says');
        is($answer->data->{expires_in}, 600, 'ten minutes');
        my $url = URI->new($answer->data->{oauth_url});
        my %query = $url->query_form;
        is_deeply([@query{qw(response_type client_id redirect_uri scope code_challenge_method prompt hd)}],
            ['code', 'cloudep-web', $APP, 'openid email profile', 'S256', 'login', 'example.com'], 'an authorization request');
        like($query{code_challenge}, qr/^[\w-]{43}$/, 'with PKCE');
        like($query{nonce}, qr/^[\w-]{22}$/, 'and a nonce');
        isnt($query{state}, $answer->data->{session_id}, 'the state tells nobody the session_id');
        like($answer->header('Set-Cookie'),
            qr/^__Host-cloudep-browser=[\w-]{22}; Path=\/; Max-Age=600; Secure; HttpOnly; SameSite=Lax$/, 'and a cookie');
        my $again = $flow->with(cookie => CloudEP::Social::cookie($answer))->start();
        is(CloudEP::Social::cookie($again), CloudEP::Social::cookie($answer), 'a second tab is the same browser');
        isnt(CloudEP::Social::cookie($flow->with(cookie => '__Host-cloudep-browser=x')->start()), '__Host-cloudep-browser=x',
            'nobody can choose what the cookie is');
        outcome($flow->start(provider => undef), 400, 10104000, 'a field is missing');
        outcome($flow->start(redirect_uri => 'app'), 400, 10101000, 'not a URL');
        my $unknown = outcome($flow->start(provider => 'facebook'), 400, 10101000, 'a provider that nobody knows');
        is_deeply($unknown->errors, [{ field => 'provider', rule => 'choice', reason => 'must be one of: google, post, public' }], 'which ones there are');
        outcome($flow->start(tenant_slug => 'no-such-tenant'), 404, 29301000, 'no such tenant');
        for my $uri ("$APP/", "$APP?x=1", substr($APP, 0, -1), 'https://app.example/other', 'https://evil.example/cb') {
            my $refused = outcome($flow->start(redirect_uri => $uri), 400, 10101000, "not allowed: $uri");
            is($refused->errors->[0]{field}, 'redirect_uri', 'which is told');
        }
        outcome($flow->start(redirect_uri => $APP2), 200, 102000, 'the second one that is allowed');
        my $other = tenant(server => $server);
        outcome($flow->with(tenant => $other)->start(), 400, 10101000, 'another tenant allows no redirect at all');
        $server->ctl(qw(tenant set --slug), $other->{slug}, '--redirect-uri', 'https://other.example/cb');
        outcome($flow->start(redirect_uri => 'https://other.example/cb'), 400, 10101000, "another tenant's redirect");
    }
    outcome($register->start(invite_code => 'NONE'), 404, 28301000, 'no such invite');
    my $closed = tenant(server => $server);
    $server->ctl(qw(tenant set --slug), $closed->{slug}, qw(--registration off --login off), '--redirect-uri', $APP);
    outcome($_->with(tenant => $closed)->start(), 403, 28505000, "the tenant allows no $_->{kind}") for $register, $login;
};

my $ada = account();
my ($uid, $first);

subtest 'register' => sub {
    my $before = uses();
    outcome($login->run($ada), 404, 29301000, 'nobody is registered yet');
    my $back = $register->visit($ada, language => 'zh-tw', marketing_opt_in => JSON::PP::true);
    my $tokens = outcome($register->callback($back), 200, 102000, 'register')->data;
    is_deeply([sort keys %$tokens], [qw(access_token expires_in refresh_token token_type uid)], 'answers with tokens');
    ($uid, $first) = ($tokens->{uid}, $tokens);
    is(uses(), $before + 1, 'one use of the invite');
    my $me = outcome($client->with(token => $tokens->{access_token})->get('/api/v1/members/me'), 200, 102000, 'the profile')->data;
    is_deeply([@{$me}{qw(uid origin status display_name language)}], [$uid, 'google', 'active', "Ada $ada", 'zh-TW'], 'has what Google knows');
    is($server->value("SELECT concat_ws(' ', issuer, subject) FROM cloudep.identities WHERE uid = :'uid'", uid => $uid),
        $peer->issuer . " $ada", 'under its issuer and subject');
    is($server->value("SELECT concat_ws(' ', terms_version, marketing_opt_in, amr) FROM cloudep.members JOIN cloudep.sessions"
                . " USING (tenant_id, uid) WHERE uid = :'uid'", uid => $uid), '2026-01 t fed', 'terms, marketing, and how it was done');
    outcome($register->callback($back), 400, 28101000, 'the same callback again');
    outcome($register->run($ada), 409, 28303000, 'a second registration');
    is(uses(), $before + 1, 'takes no use');
};

subtest 'log in' => sub {
    my $tokens = outcome($login->run($ada), 200, 102000, 'log in')->data;
    is($tokens->{uid}, $uid, 'is the same member');
    isnt($tokens->{access_token}, $first->{access_token}, 'in a session of its own');
    outcome($client->post('/api/v1/auth/token/refresh', { refresh_token => $tokens->{refresh_token} }), 200, 102000, 'which refreshes');
    is($login->with(provider => $_)->run($ada)->data->{uid}, $uid, "client_secret_$_ or none") for qw(post public);
    my $other = tenant(server => $server);
    $server->ctl(qw(tenant set --slug), $other->{slug}, '--redirect-uri', $APP);
    outcome($login->with(tenant => $other)->run($ada), 404, 29301000, 'another tenant has nobody of that account');
    is($register->with(tenant => $other)->run($ada)->status, 200, 'until they register there, too');
};

subtest 'state' => sub {
    my $back = $login->visit($ada);
    my ($id, $expires, $kid, $mac) = split /\./, $back->{state};
    outcome($_->callback($back, state => undef), 400, 10104000, "$_->{kind}: no state") for $login, $register;
    is_deeply(outcome($login->callback($back, code => undef), 400, 10104000, 'neither code nor error')->json->{errors},
        [{ field => 'code', rule => 'required', reason => 'is required' }], 'the code is missing');
    outcome($_->callback($back, code => "a b"), 400, 10101000, "$_->{kind}: not a code") for $login, $register;
    my $query = 'code=x&state=y&state=z';
    outcome($client->get("/api/v1/auth/login/social/callback?$query"), 400, 10101000, 'two states');
    for my $state ('x', 'A' x 22, "$id.$expires", join('.', 'A' x 22, $expires, $kid, $mac), join('.', $id, $expires + 60, $kid, $mac),
        join('.', $id, $expires, $kid, $mac =~ tr/A-Za-z/B-ZAb-za/r), join('.', $id, $expires, 'other', $mac), "$back->{state}A") {
        outcome($_->callback($back, state => $state), 400, 28101000, "$_->{kind}: not one of ours: " . length $state) for $login, $register;
    }
    outcome($register->callback($back), 400, 28101000, "a login's state does not register");
    outcome($login->callback($back, cookie => undef), 400, 28101000, 'another browser, without a cookie');
    outcome($login->callback($back, cookie => '__Host-cloudep-browser=' . 'A' x 22), 400, 28101000, 'or with its own');
    outcome($login->callback($back, cookie => undef, session_id => 'A' x 22), 400, 28101000, 'or with a made up session');
    for my $cookie ('__Host-cloudep-browser=' . 'A' x 22, '__Host-cloudep-browser=x', '__Host-cloudep-browser=') {
        outcome($login->callback($back, cookie => $cookie, session_id => $back->{session_id}), 400, 28101000,
            "a right session_id does not beat the cookie of another browser: $cookie");
    }
    expect_log(qr/client submitted cookie '__Host-cloudep-browser' more than once/);
    outcome($login->callback($back, cookie => "$back->{cookie}; __Host-cloudep-browser=" . 'A' x 22, session_id => $back->{session_id}),
        400, 28101000, 'nor two cookies of which one is right');
    outcome($login->callback($back, iss => $_), 400, 28101000, 'another provider answers') for 'https://evil.example', $peer->issuer . '/', uc $peer->issuer;
    outcome($login->callback($back, iss => 'nobody'), 400, 10101000, 'no provider answers');
    is(outcome($login->callback($back, code => 'made-up'), 400, 28101000, 'a made up code')->json->{reason}, 'authorization_invalid',
        'is not the fault of the state');
    is(outcome($login->callback($back), 400, 28101000, 'uses the state up')->json->{reason}, 'state_invalid', 'which then is');
    for my $flow ($login, $register) {
        my $started = $flow->start;
        my ($state) = $started->data->{oauth_url} =~ /[?&]state=([^&]+)/;
        my %no = (state => $state, cookie => CloudEP::Social::cookie($started));
        outcome($flow->callback(\%no, error => 'access_denied', cookie => undef), 400, 28101000, "$flow->{kind}: an error for another browser");
        is(outcome($flow->callback(\%no, error => 'access_denied'), 403, 28505000, 'somebody cancels at the provider')->json->{reason},
            'login_cancelled', 'and is told so');
        is(outcome($flow->callback(\%no, error => 'access_denied'), 400, 28101000, 'once')->json->{reason}, 'state_invalid', 'for the state is used up');
        my $again = $flow->start;
        my ($other) = $again->data->{oauth_url} =~ /[?&]state=([^&]+)/;
        outcome($flow->callback({ state => $other, cookie => CloudEP::Social::cookie($again) }, error => 'temporarily_unavailable'), 502, 28802000,
            'any other error is the provider\'s');
    }

    $back = $login->visit($ada);
    outcome($login->callback($back, cookie => undef, session_id => $back->{session_id}), 200, 102000, 'a client without cookies has its session_id');
    $back = $login->visit($ada);
    outcome($login->callback($back, iss => $peer->issuer), 200, 102000, 'the provider says who it is');
    $back = $login->visit($ada);
    outcome($login->callback($back, session_id => 'A' x 22), 200, 102000, "the right cookie is enough, whatever the session_id");
    my @tabs = map { $login->with(cookie => $back->{cookie})->visit($ada) } 1 .. 2;
    outcome($login->callback($_), 200, 102000, 'two tabs of a browser') for @tabs;

    my ($mine, $theirs) = map { $login->visit($_) } $ada, account();
    outcome($login->callback($mine, code => $theirs->{code}), 400, 28101000, "the code of another one's login");

    $back = $login->visit($ada);
    my @parallel = $client->parallel(map { ['GET', '/api/v1/auth/login/social/callback?' . URI->new($back->{location})->query,
                undef, Cookie => $back->{cookie}] } 1 .. 8);
    is(scalar(grep { $_->status == 200 } @parallel), 1, 'of eight at once one gets through');

    my $lost = $login->visit($ada);
    my $lost2 = $register->visit(account());
    $memcached->restart;
    outcome($login->callback($lost), 404, 28301000, 'a session that is lost');
    outcome($register->callback($lost2), 404, 28301000, 'also of a registration');
};

subtest 'expired' => sub {
    my $short = own_server(pg => $pg, memcached => $memcached, values => { CloudEPSocialLifetime => 10 },
        with => [CloudEP::Social::directive(google => $peer, 'web', $dir), 'CloudEPSocialBinding Off'])->start;
    my $flow = $login->with(client => client(server => $short));
    my $back = $flow->visit($ada);
    my $late = $flow->visit($ada);
    outcome($flow->callback($back, cookie => undef), 200, 102000, 'with CloudEPSocialBinding Off nobody proves who they are');
    sleep 11;
    outcome($flow->callback($late), 400, 28101000, 'ten seconds later it has expired');
    $short->stop;
};

subtest 'whom to believe' => sub {
    my $before = uses();
    my %unbelieved = ('an email that is not verified' => { email_verified => JSON::PP::false }, 'one of which nothing is said' => { email_verified => undef },
        'none at all' => { email => undef }, 'one that no mail gets to' => { email => 'x@localhost' });
    for my $name (sort keys %unbelieved) {
        my $sub = account(%{ $unbelieved{$name} });
        is(outcome($register->run($sub), 403, 28505000, $name)->json->{reason}, 'email_unverified', 'registers nobody');
        outcome($login->run($sub), 404, 29301000, 'and is nobody yet');
    }
    like($server->log, qr/CE128[12]: no registration by provider google: $_/, 'the log says why') for qr/it says that the address is not verified/,
        qr/it does not say whether an address is verified; email=trusted/, qr/it sends no address/;
    is(uses(), $before, 'take no use');
    my $fay = account();
    my $fay_uid = outcome($register->run($fay), 200, 102000, 'who registers with a verified email')->data->{uid};
    for my $later ({ email_verified => JSON::PP::false }, { email => undef, email_verified => undef }, { email => 'x@localhost' }) {
        $peer->account(sub => $fay, email => fresh_email(), email_verified => JSON::PP::true, %$later);
        is(outcome($login->run($fay), 200, 102000, 'logs in whatever is said of it later')->data->{uid}, $fay_uid, 'by issuer and subject');
    }
    is($register->run(account(name => "A\x{202e}B"))->status, 200, 'a name that cannot be shown does not matter');

    my $native = register_member(tenant => $tenant);
    my $same = account(email => $native->{email});
    outcome($register->run($same), 409, 28303000, 'the email of a member who has a password');
    outcome($login->run($same), 404, 29301000, 'makes nobody that member');
    is($server->value("SELECT count(*) FROM cloudep.identities WHERE uid = :'uid'", uid => $native->{uid}), 0, 'nor links the two');
    is($client->post('/api/v1/auth/login', { tenant_slug => $tenant->{slug}, password => fresh_password(),
                email => $server->value("SELECT email FROM cloudep.members WHERE uid = :'uid'", uid => $uid) })->status, 401, 'no password gets in');
};

subtest 'the email of a registration that nobody has confirmed' => sub {
    my ($answer, $sent) = register(client => $client, tenant => $tenant, display_name => 'Mallory');
    my $code = secret($server->mail_code($sent->{email}));
    my $before = uses();
    my $owner = account(email => $sent->{email}, name => 'Olivia');
    my $data = outcome($register->run($owner), 200, 102000, 'is the owner\'s, for whom the provider vouches')->data;
    isnt($data->{uid}, $answer->data->{uid}, 'as another member');
    is(join(' ', @{ $server->psql("SELECT uid, status, display_name FROM cloudep.members WHERE email = :'email'", email => $sent->{email})->[0] }),
        "$data->{uid} active Olivia", 'with nothing of the one before');
    my $theirs = { tenant_slug => $tenant->{slug}, email => $sent->{email}, password => $sent->{password} };
    outcome($client->post('/api/v1/auth/login', $theirs), 401, 28501000, 'whose password gets nobody in');
    outcome($client->post('/api/v1/auth/register/confirm', { tenant_slug => $tenant->{slug}, code => $code,
                challenge_id => $answer->data->{challenge_id} }), 409, 28309000, 'and whose code is worth nothing');
    outcome($login->run($owner), 200, 102000, 'the owner logs in');
    $server->psql("UPDATE cloudep.members SET updated_at = now() - interval '1 hour' WHERE status = 'deleting'");
    ok(wait_until(40, sub { !$server->value("SELECT count(*) FROM cloudep.members WHERE uid = :'uid'", uid => $answer->data->{uid}) }),
        'the sweep removes what was before');
    is($server->value("SELECT count(*) FROM cloudep.registration_attempts WHERE email = :'email'", email => $sent->{email}), 0, 'with its attempts');
    is(uses(), $before, 'and gives its use of the invite back');
};

subtest 'account and tenant' => sub {
    my $totp = { client => $client->with(token => $login->run($ada)->data->{access_token}), uid => $uid, slug => $tenant->{slug} };
    totp_enroll($totp, $server);
    my $asked = outcome($login->run($ada), 200, 102000, 'with TOTP')->data;
    is_deeply([sort keys %$asked], [qw(mfa_challenge_id mfa_expires_in mfa_methods mfa_required)], 'a second factor is asked for');
    totp_rewind($server, $totp);
    my $done = outcome($client->post('/api/v1/auth/login/mfa', { tenant_slug => $tenant->{slug}, challenge_id => $asked->{mfa_challenge_id},
                code => secret(totp_code($totp->{totp})) }), 200, 102000, 'which lets them in')->data;
    is($server->value("SELECT amr FROM cloudep.sessions WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1", uid => $uid), 'fed otp mfa', 'by both');

    my $bob = account();
    $register->run($bob);
    my $bob_uid = $server->value("SELECT uid FROM cloudep.identities WHERE subject = :'sub'", sub => $bob);
    $server->psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $bob_uid);
    outcome($login->run($bob), 403, 28505000, 'a suspended member');
    $server->psql("UPDATE cloudep.members SET status = 'active' WHERE uid = :'uid'", uid => $bob_uid);
    my ($in, $up) = ($login->visit($bob), $register->visit(account()));
    $server->ctl(qw(tenant set --slug), $tenant->{slug}, qw(--login off --registration off));
    outcome($login->callback($in), 403, 28505000, 'the tenant allows no login meanwhile');
    outcome($register->callback($up), 403, 28505000, 'nor registrations');
    $server->ctl(qw(tenant set --slug), $tenant->{slug}, qw(--login on --registration on));

    my $gone = tenant(server => $server);
    $server->ctl(qw(tenant set --slug), $gone->{slug}, '--redirect-uri', $APP);
    my @there = map { $_->with(tenant => $gone) } $register, $login;
    my @back = map { $_->visit($bob) } @there;
    $server->psql("DELETE FROM cloudep.invites WHERE code = :'code'; DELETE FROM cloudep.tenants WHERE slug = :'slug'",
        code => $gone->{invite}, slug => $gone->{slug});
    outcome($there[$_]->callback($back[$_]), 404, 29301000, "$there[$_]{kind}: the tenant is gone meanwhile") for 0, 1;
};

subtest 'invite' => sub {
    my $one = invite('ONE', '--uses', 1);
    my @accounts = map { account() } 1 .. 4;
    my @back = map { $register->visit($_, invite_code => $one) } @accounts;
    my @answers = $client->parallel(map { ['GET', '/api/v1/auth/register/social/callback?' . URI->new($_->{location})->query, undef,
                Cookie => $_->{cookie}] } @back);
    is(scalar(grep { $_->status == 200 } @answers), 1, 'of four at once with the last use one registers');
    outcome($_, 429, 28310000, 'the invite is used up') for grep { $_->status != 200 } @answers;
    is(uses($one), 1, 'one use');
    outcome($register->start(invite_code => $one), 429, 28310000, 'it is used up at the start as well');

    my $held = invite('HELD', '--uses', 5);
    my $waiting = $register->visit(account(), invite_code => $held);
    my $late = $register->visit(account(), invite_code => $held);
    my $pid = $pg->hold(4, "SELECT uses FROM cloudep.invites WHERE code = :'code' FOR UPDATE", code => $held);
    outcome($register->callback($waiting), 423, 28313000, "the invite's row stays locked");
    waitpid $pid, 0;
    $server->psql("UPDATE cloudep.invites SET expires_at = now() - interval '1 second' WHERE code = '$held'");
    outcome($register->callback($late), 400, 28101000, 'the invite has expired meanwhile');
    outcome($register->start(invite_code => $held), 400, 28101000, 'an expired invite');
    is(uses($held), 0, 'no use was taken');
};

subtest 'too many starts' => sub {
    my $few = own_server(pg => $pg, memcached => $memcached, values => { CloudEPSocialStartsPerAddress => 3 },
        with => [CloudEP::Social::directive(google => $peer, 'web', $dir)])->start;
    my ($crowd, $quiet) = map { tenant(server => $server) } 1, 2;
    $server->ctl(qw(tenant set --slug), $_->{slug}, '--redirect-uri', $APP) for $crowd, $quiet;
    my ($there, $here) = map { $_->with(client => client(server => $few), tenant => $crowd) } $register, $login;
    outcome($here->start(redirect_uri => 'https://evil.example/cb'), 400, 10101000, 'what is refused does not count');
    stay_within(3600, 30);
    outcome($_->start(), 200, 102000, "start of a $_->{kind}") for $here, $there, $here;
    my $kept = $memcached->command('stats') =~ /STAT total_items (\d+)/ ? $1 : die;
    for my $flow ($here, $there) {
        my $refused = outcome($flow->start(), 429, 28604000, "the fourth one, a $flow->{kind}, has to wait");
        ok($refused->header('Retry-After') <= 3600, 'for the next hour') or diag($refused->header('Retry-After'));
        is($refused->header('Set-Cookie'), undef, 'and sets no cookie');
    }
    is($memcached->command('stats') =~ /STAT total_items (\d+)/ && $1, $kept, 'nothing is remembered for those');
    outcome($here->with(client => client(server => $few, address => '127.202.' . (1 + int rand 250) . '.' . (1 + int rand 250)))->start(),
        200, 102000, 'another address is not held up');
    outcome($here->with(tenant => $quiet)->start(), 200, 102000, 'nor is another tenant');
    like($few->log, qr/CE430: cap reached: no more social logins for this address/, 'the log says it');
};

$peer->stop;
finish();
