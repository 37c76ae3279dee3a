# CloudEPServe health: /live and /ready through the outage of everything that a server depends on, one after the other.
use strict;
use warnings;
use CloudEP::Process qw(slurp spew wait_until);
use CloudEP::Social;
use CloudEP::Test;
use CloudEP::Zitadel;
use Time::HiRes qw(time);

my @MOUNT = ('<Location /health>', 'CloudEPServe health', 'Require all granted', '</Location>');
my $pg = own_postgres();
my @memcached = map { own_memcached() } 1, 2;
my $dir = CloudEP::Test::own_folder('keys');
my $peer = CloudEP::Social::peer($dir, ['https://app.example/cb']);
my $server = own_server(pg => $pg, memcached => $memcached[0], keys => $dir, values => { CloudEPOIDCFailures => 1, CloudEPOIDCPause => '1h', CloudEPOIDCTimeout => 800,
        CloudEPDatabaseWait => 500, CloudEPMemcacheTimeout => 200 },
    with => [@MOUNT, 'CloudEPMemcacheServer ' . $memcached[1]->address, CloudEP::Social::directive(google => $peer, 'web', $dir),
        'StartServers 1', 'ServerLimit 1', 'MaxRequestWorkers 32', 'MinSpareThreads 1', 'MaxSpareThreads 32'])->start;
my $client = client(server => $server, watch => undef);
my @seen;

# Status and the parts that do not pass, as "database fail: does not answer".
sub ready {
    my ($at) = @_;
    my $answer = ($at // $client)->get('/health/ready');
    push @seen, $answer->body;
    my $checks = ($answer->{json} // return $answer->status . ' without JSON')->{checks};
    return join '; ', $answer->status, $answer->{json}{status},
        map { $checks->{$_}[0]{status} eq 'pass' ? () : "$_ $checks->{$_}[0]{status}: $checks->{$_}[0]{output}" } sort keys %$checks;
}

sub becomes {
    my ($expected, $name, $at) = @_;
    my $last;
    wait_until(30, sub { ($last = ready($at)) eq $expected });
    is($last, $expected, $name);
}

my $answer = $client->get('/health/live');
is($answer->status . $answer->body, '200{"status":"pass"}', 'it lives');
is($answer->header('Cache-Control'), 'no-store', 'which nobody keeps');
is($answer->header('X-Content-Type-Options'), 'nosniff', 'and is what it says');
becomes('200; pass', 'it is ready');
$answer = $client->get('/health/ready');
is($answer->header('Content-Type'), 'application/health+json', 'and says so in JSON');
is_deeply([sort keys %{ $answer->{json}{checks} }], [qw(clock database files keys memcached schema social_login:google standby)],
    'by part');
like($answer->{json}{checks}{database}[0]{since}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/, 'and since when');
is($client->get("/health$_")->status, 404, "/health$_ is not there") for '', '/', '/x', '/ready/', '/live/x';
for my $method (qw(POST DELETE)) {
    my $refused = $client->request($method, '/health/ready');
    is($refused->status, 405, "$method is not allowed");
    like($refused->header('Allow'), qr/\bGET\b/, 'GET is');
}
my $unchanged = $answer->{json}{checks}{files}[0]{since};

subtest 'PostgreSQL' => sub {
    my $since = $client->get('/health/ready')->{json}{checks}{database}[0]{since};
    wait_until(5, sub { time >= int(time) + 0.9 });
    for my $way (qw(stop kill9 freeze)) {
        $pg->$way;
        becomes('503; fail; database fail: does not answer', "after $way it is not ready");
        is($client->get('/health/live')->status, 200, 'but lives');
        $way eq 'freeze' ? $pg->thaw : $pg->start;
        becomes('200; pass', 'it is back');
    }
    my $checks = $client->get('/health/ready')->{json}{checks};
    isnt($checks->{database}[0]{since}, $since, 'since a moment ago');
    is($checks->{files}[0]{since}, $unchanged, 'what was good all the time is since the beginning');
    $pg->psql('ALTER SYSTEM SET default_transaction_read_only = on');
    $pg->restart;
    becomes('503; fail; database fail: takes no writes', 'closed to writes');
    $pg->psql('SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only');
    $pg->restart;
    becomes('200; pass', 'open to writes');
};

subtest 'the schema' => sub {
    my $last = $pg->value('SELECT max(version) FROM cloudep.migrations');
    $pg->psql("INSERT INTO cloudep.migrations (version, name, checksum) SELECT version + 1, 'next', checksum FROM cloudep.migrations WHERE version = $last");
    becomes('200; warn; schema warn: newer than this version', 'a newer one serves');
    $pg->psql("DELETE FROM cloudep.migrations WHERE version > $last");
    becomes('200; pass', 'its own');
    $pg->psql("UPDATE cloudep.migrations SET version = version + 1000 WHERE version = $last; UPDATE cloudep.migrations SET version = 0 - version WHERE version > 1000");
    becomes('503; fail; schema fail: older than this version needs: run cloudepctl migrate', 'an older one does not');
    $pg->psql("UPDATE cloudep.migrations SET version = $last WHERE version < 0");
    becomes('200; pass', 'its own again');
};

subtest 'memcached' => sub {
    $memcached[1]->stop;
    becomes('200; warn; memcached warn: 1 of 2 servers answer', 'one of two');
    $memcached[0]->stop;
    becomes('503; fail; memcached fail: does not answer', 'none');
    $_->start for @memcached;
    becomes('200; pass', 'both are back');
    $_->freeze for @memcached;
    becomes('503; fail; memcached fail: does not answer', 'both hang');
    $_->thaw for @memcached;
    becomes('200; pass', 'both go on');
};

subtest 'key files' => sub {
    my $file = "$dir/sealing.jwks";
    my $good = slurp($file);
    spew($file, '{');
    $server->graceful;
    becomes('200; warn; files warn: a file was not good at the last restart, and what it held before is in use: the next start will fail',
        'it goes on with the old keys and says so');
    spew($file, $good);
    chmod 0600, $file;
    $server->graceful;
    becomes('200; pass', 'after a restart with good ones');
};

subtest 'a social provider' => sub {
    my $tenant = tenant(server => $server);
    $server->ctl(qw(tenant set --slug), $tenant->{slug}, '--redirect-uri', 'https://app.example/cb');
    $peer->stop;
    my $flow = CloudEP::Social->new(kind => 'register', client => $client, peer => $peer, tenant => $tenant, redirect => 'https://app.example/cb');
    $flow->start;
    becomes('200; warn; social_login:google warn: left alone for a while, as calls have failed', 'its login is away, the server serves');
};

subtest 'ZITADEL' => sub {
    my $zitadel = zitadel();
    my $with = zitadel_server($zitadel, values => { CloudEPZitadelFailures => 1, CloudEPZitadelPause => '2s' }, with => \@MOUNT);
    my $at = client(server => $with, watch => undef);
    my $tenant = zitadel_tenant($with, $zitadel);
    my $member = register_member(tenant => $tenant);
    becomes('200; pass', 'ready', $at);
    $zitadel->stop;

    # Of several children one alone may have found it away.
    my $found = wait_until(30, sub { login($member); ready($at) eq '503; fail; identity_provider fail: left alone for a while, as calls have failed' });
    ok($found, 'while it is left alone the server is not ready');
    becomes('200; pass', 'but is once a call may try again, as nobody else would find out', $at);
};

subtest 'a synchronous standby' => sub {
    my %settings = (settings => { synchronous_commit => 'on' });
    my $primary = own_postgres(%settings);
    my $standby = own_postgres(%settings, template => undef, primary => $primary);
    $primary->require_standby;
    my $with = own_server(pg => $primary, values => { CloudEPStatementTimeout => 500, CloudEPDatabaseWait => 500 }, with => \@MOUNT)->start;
    my $at = client(server => $with, watch => undef);
    my $member = register_member(server => $with);
    becomes('200; pass', 'ready', $at);
    $standby->stop;
    $member->{client}->with(watch => undef)->patch('/api/v1/members/me', { display_name => 'A' });
    becomes('503; fail; standby fail: commits wait for a synchronous standby', 'a commit hangs', $at);
    $standby->start;
    becomes('200; pass', 'it does not any more', $at);
};

subtest 'who asks often' => sub {
    ok(wait_until(10, sub {
                my %texts = map { $_->body => 1 } $client->parallel((['GET', '/health/ready']) x 24);
                return keys %texts == 1;
    }), '24 at once are told the same');
    $pg->freeze;
    my @answers = $client->parallel((['GET', '/health/ready']) x 24);
    is(scalar(grep { $_->status == 200 } @answers) > 0, 1, 'while one looks, the others are told what was found before');
    $pg->thaw;
    becomes('200; warn; social_login:google warn: left alone for a while, as calls have failed', 'it is back');
};

unlike(join("\n", @seen), qr/127\.0\.0\.1|cloudep_app|\Q$dir\E|password/, 'nothing secret was told');
expect_log(qr/CE\d+: |AH006\d\d: |memcached|connect/);
finish();
