# PostgreSQL or memcached stopped with SIGSTOP: connected, silent. Every answer comes within its bound, what needs neither
# is not held up, and service is right again after SIGCONT.
use strict;
use warnings;
use CloudEP::Test;
use Time::HiRes qw(sleep time);

# Where a hang begins, several times the bound of a request: to get a connection, to make one (connect_timeout in DBDParams), the statement, and what the
# watchdog adds to that.
my ($wait, $connect, $statement, $watchdog) = (2, 2, 1, 1.25);
my $bound = 4 * ($wait + $connect + $statement + $watchdog);

my $pg = own_postgres();
my $memcached = own_memcached();
my $server = own_server(pg => $pg, memcached => $memcached, values => {
        CloudEPCodeCooldown => 0, CloudEPStatementTimeout => $statement * 1000, CloudEPDatabaseWait => $wait * 1000,
        CloudEPMemcacheTimeout => 500,
})->start;
my $client = client(server => $server);
my $tenant = tenant(server => $server);
my $slug = $tenant->{slug};
my $member = register_member(tenant => $tenant);
my ($pending, $sent) = register(client => $client, tenant => $tenant);
my $code = secret($server->mail_code($sent->{email}));

my %operations = (
    register => [sub { (register(client => $client, tenant => $tenant))[0] }, 28201000, 1],
    confirm => [sub { $client->post('/api/v1/auth/register/confirm',
                { tenant_slug => $slug, challenge_id => $pending->data->{challenge_id}, code => $code }) }, 28201000, 1],
    login => [sub { login($member) }, 28201000, 0],
    refresh => [sub { $client->post('/api/v1/auth/token/refresh', { refresh_token => $member->{refresh} }) }, 28601000, 0],
    get_me => [sub { $member->{client}->get('/api/v1/members/me') }, 29201000, 0],
    patch_me => [sub { $member->{client}->patch('/api/v1/members/me', { display_name => 'A' }) }, 29201000, 0],
);

sub timed {
    my ($limit, $name, $operation) = @_;
    my $began = time;
    my @answers = $operation->();
    my $took = time - $began;
    cmp_ok($took, '<', $limit, sprintf '%s: %.1f s', $name, $took);
    return wantarray ? @answers : $answers[0];
}

sub others_answer {
    my ($when) = @_;
    is($client->get('/.well-known/jwks.json')->status, 200, "the key set is there $when");
    is($client->with(token => 'x')->get('/api/v1/members/me')->status, 401, "a bad token is refused $when");
}

sub wrong {
    return scalar grep { !($_->status == 500 && $_->code == 29201000)
            && !($_->status == 503 && $_->code == 29603000 && $_->header('retry-after')) } @_;
}

# ---- PostgreSQL
my @get_me = (['GET', '/api/v1/members/me']) x 60;
my $unrecorded = $member->{client}->with(watch => undef);    # 503 is no outcome of a single operation
for my $round (1, 2) {

    # Round 1: one idle connection a child, the others would have to be made; round 2: all are there.
    $pg->freeze;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my @answers = $unrecorded->parallel(@get_me);
        POSIX::_exit(wrong(@answers) || !grep { $_->status == 503 } @answers);
    }
    sleep 0.3;
    others_answer("with 60 requests that wait for a stopped PostgreSQL, round $round");
    is(waitpid($pid, POSIX::WNOHANG()), 0, 'while they wait');
    timed($bound, '60 at once', sub { waitpid $pid, 0 });
    is($?, 0, 'each was told 500 or, with Retry-After, 503');
    for my $name (sort keys %operations) {
        outcome(timed($bound, $name, $operations{$name}[0]), 500, $operations{$name}[1], "$name of a stopped PostgreSQL");
    }
    my @answers = timed($bound, '60 more', sub { $unrecorded->parallel(@get_me) });
    is(wrong(@answers), 0, 'which are told the same');
    $pg->thaw;
    $pg->value('SELECT 1');    # behind all that have queued up for a connection
    outcome($operations{get_me}[0]->(), 200, 102000, 'the first request after it went on is right') for 1 .. 3;
    @answers = $unrecorded->parallel(@get_me);
    is(scalar(grep { $_->status == 200 } @answers), 60, 'and so are 60 at once');
}

# ---- memcached
$memcached->freeze;
for my $name (sort keys %operations) {
    my ($operation, undef, $uses) = @{ $operations{$name} };
    my $answer = timed(15, $name, $operation);
    $uses ? outcome($answer, 500, 28601000, "$name of a stopped memcached")
        : outcome($answer, 200, 102000, "$name does without memcached");
    $member->{refresh} = $answer->data->{refresh_token} if $name eq 'refresh';
}
others_answer('with memcached stopped');
my $pid = fork // die "fork: $!";
if (!$pid) {
    $client->with(watch => undef)->parallel(map { ['POST', '/api/v1/auth/register/resume', { tenant_slug => $slug,
                    email => $sent->{email} }] } 1 .. 60);
    POSIX::_exit(0);
}
sleep 0.3;
others_answer('with 60 requests that wait for a stopped memcached');
is(scalar(grep { $_->status == 200 } timed(30, '60 reads', sub { $unrecorded->parallel(@get_me) })), 60, 'and members are served');
timed(40, 'those 60', sub { waitpid $pid, 0 });
$memcached->thaw;
sleep 1.2;    # a server that failed is left alone for a second
my $again = outcome($operations{register}[0]->(), 200, 102000, 'a registration works after it went on');

expect_log(qr/statement \w+: |CE\d+: .* failed \((?:database|memcached|overload)\)|PostgreSQL did not answer|AH006\d\d: |CE124[0-4]: |memcached|connect/);
finish();
