# PostgreSQL or memcached gone: a clear 500 in bounded time, never a wrong answer; and right again by itself.
use strict;
use warnings;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use Time::HiRes qw(time);

my $pg = own_postgres();
my $memcached = own_memcached();
my $server = own_server(pg => $pg, memcached => $memcached, values => { CloudEPCodeCooldown => 0, CloudEPAddressAttempts => 0, CloudEPAllowOrigin => 'https://server.example' }, with => [
        'ServerLimit 2', 'MaxRequestWorkers 64', 'MaxSpareThreads 64', '<Location /api/v1/auth/verify>', 'CloudEPSessionCookie On', 'CloudEPLoginPage /login/', '</Location>',
]);
my $tenant = tenant(server => $server);
my $slug = $tenant->{slug};
$server->ctl(qw(tenant set --slug), $slug, '--origin', 'https://tenant.example');
$server->start;
my $client = client(server => $server);
my $member = register_member(tenant => $tenant);

# A registration under way, for the operations that need one.
my ($pending, $sent) = register(client => $client, tenant => $tenant);
my $challenge = $pending->data->{challenge_id};
my $code = secret($server->mail_code($sent->{email}));

# Each operation, what it answers when the database or memcached is away, and whether it uses memcached.
my %operations = (
    register => [sub { (register(client => $client, tenant => $tenant))[0] }, 28201000, 1],
    confirm => [sub { $client->post('/api/v1/auth/register/confirm',
                { tenant_slug => $slug, challenge_id => $challenge, code => $code }) }, 28201000, 1],
    resend => [sub { $client->post('/api/v1/auth/register/resend',
                { tenant_slug => $slug, challenge_id => $challenge }) }, 28201000, 1],
    resume => [sub { $client->post('/api/v1/auth/register/resume',
                { tenant_slug => $slug, email => $sent->{email} }) }, 28201000, 1],
    login => [sub { login($member) }, 28201000, 0],
    refresh => [sub { $client->post('/api/v1/auth/token/refresh', { refresh_token => $member->{refresh} }) }, 28601000, 0],
    logout => [sub { $member->{client}->post('/api/v1/auth/logout', undef) }, 28601000, 0],
    get_me => [sub { $member->{client}->get('/api/v1/members/me') }, 29201000, 0],
    patch_me => [sub { $member->{client}->patch('/api/v1/members/me', { display_name => 'A' }) }, 29201000, 0],
);

sub bounded {
    my ($operation, $seconds) = @_;
    my $began = time;
    my $answer = $operation->();
    cmp_ok(time - $began, '<', $seconds, "answered within $seconds s");
    return $answer;
}

# ---- CORS: a page reads that the database is away, and a child goes on with the tenants' origins that it has read
sub allows { return $_[0]->header('Access-Control-Allow-Origin') // 'nobody' }
sub from { my ($origin) = @_; return [GET => '/api/v1/members/me', undef, Origin => $origin] }
sub who_may_read {
    my @answers = $member->{client}->parallel((map { from("https://$_.example") } qw(server tenant evil)) x 20);
    my %seen = map { ($_->status . ' ' . allows($_)) => 1 } @answers;
    return join ', ', sort keys %seen;
}
sub pages_read {
    my ($status) = @_;
    return "$status https://server.example, $status https://tenant.example, $status nobody";
}
ok(wait_until(60, sub { who_may_read() eq pages_read(200) }), 'every child has the origins of tenants');
$pg->stop;
my $before = $server->log_size;
is(who_may_read(), pages_read(500), 'without the database refusals are for the same pages');
ok(wait_until(60, sub { who_may_read(); $server->log($before) =~ /reading the tenants' origins/ }), 'the origins are to be read again, and cannot be');
is(who_may_read(), pages_read(500), 'they stay as they were');
my $preflight = $client->request(OPTIONS => '/api/v1/auth/login', undef, Origin => 'https://tenant.example', 'Access-Control-Request-Method' => 'POST');
is(join(' ', $preflight->status, allows($preflight)), '200 https://tenant.example', 'for preflights as well');

# ---- forward auth: a person is sent to log in where they are not known, and not where nobody can say
sub verify {
    my (%with) = @_;
    return $member->{client}->with(%with)->get('/api/v1/auth/verify?redirect=on', 'X-Forwarded-Method' => 'GET', 'X-Forwarded-Host' => '127.0.0.1', 'Sec-Fetch-Mode' => 'navigate');
}
my $unsaid = outcome(verify(), 500, 28601000, 'forward auth without the database');
is($unsaid->header('Location'), undef, 'sends nobody to the login page');
is(verify(token => undef)->status, 303, 'but who brings nothing');
$pg->start;
is(who_may_read(), pages_read(200), 'and it is right again');

# ---- the database
for my $way (qw(stop kill9)) {
    $pg->$way;
    outcome(bounded($operations{$_}[0], 20), 500, $operations{$_}[1], "$_ after $way of PostgreSQL") for sort keys %operations;
    $pg->start;
    outcome($operations{get_me}[0]->(), 200, 102000, 'the next request after its return is right');
    outcome($operations{login}[0]->(), 200, 102000, 'a login as well');
}
for my $round (1 .. 3) {

    # All idle connections of both children are dead now, and what was prepared on them is gone.
    $member->{client}->parallel((['GET', '/api/v1/members/me']) x 20);
    $pg->restart;
    my @answers = $member->{client}->parallel((['GET', '/api/v1/members/me']) x 40);
    is(scalar(grep { $_->status == 200 } @answers), 40, "40 of 40 requests are right after restart $round");
}
outcome($operations{patch_me}[0]->(), 200, 102000, 'so is a change');
outcome($client->with(token => 'x')->get('/api/v1/members/me'), 401, 29501000, 'a bad token is still refused');

# ---- memcached
my @look_up = ('POST', '/api/v1/auth/register/confirm', { tenant_slug => $slug, challenge_id => 'A' x 22, code => '000000' });
for my $way (qw(stop kill9)) {
    $memcached->$way;
    for my $name (sort keys %operations) {
        my ($operation, undef, $uses) = @{ $operations{$name} };
        next if $name eq 'logout';
        my $answer = bounded($operation, 5);
        $uses ? outcome($answer, 500, 28601000, "$name after $way of memcached")
            : outcome($answer, 200, 102000, "$name does without memcached");
        $member->{refresh} = $answer->data->{refresh_token} if $name eq 'refresh';
    }
    $memcached->start;

    # A child that found it away leaves it alone for a second, and 16 requests may all have met another child.
    select undef, undef, undef, 1.2;
    ok(wait_until(10, sub { !grep { $_->status != 404 } $client->parallel((\@look_up) x 16) }), 'every child finds it again');
    ok(register_member(tenant => $tenant), 'and a registration works');
}

# A lost challenge costs a resend, never safety.
outcome($operations{confirm}[0]->(), 404, 29301000, 'the challenge is gone');
my $resumed = outcome($operations{resume}[0]->(), 200, 102000, 'resume gives another')->data;
outcome($client->post('/api/v1/auth/register/confirm', { tenant_slug => $slug, challenge_id => $resumed->{challenge_id},
            code => secret(($server->mail_code($sent->{email}, 2))) }), 200, 102000, 'which works');
is($server->value("SELECT count(*) FROM cloudep.members WHERE status = 'reserved'"), 0, 'no registration is half done');

# ---- data that cannot be
$member = register_member(tenant => $tenant);
$server->psql('ALTER TABLE cloudep.members DROP CONSTRAINT members_status_check');
$server->psql("UPDATE cloudep.members SET status = 'odd' WHERE uid = :'uid'", uid => $member->{uid});
outcome($operations{get_me}[0]->(), 500, 29601000, 'a status that does not exist');
outcome($operations{patch_me}[0]->(), 500, 29601000, 'nor can it be changed');
$server->psql("DELETE FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid});
outcome($operations{get_me}[0]->(), 404, 29301000, 'a session whose member is gone');
outcome($operations{patch_me}[0]->(), 404, 29301000, 'has nothing to change');

expect_log(qr/statement \w+: |CE\d+: .* failed \((?:database|memcached|impossible data)\)|AH006\d\d: |CE124[0-4]: |memcached|connect/);
finish();
