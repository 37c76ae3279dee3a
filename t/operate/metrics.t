# CloudEPServe metrics: both formats by Prometheus' own parser, each number against what was done, over all children and restarts.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(run signal_all spew wait_until);
use CloudEP::Test;
use File::Path qw(make_path);
use JSON::PP ();

my $memcached = own_memcached();
my $server = own_server(memcached => $memcached, values => { CloudEPSessionsPerMember => 2, CloudEPCodeCooldown => 60 },
    with => ['<Location /metrics>', 'CloudEPServe metrics', 'Require all granted', '</Location>',
        CloudEP::Httpd::module('status'), '<Location /status>', 'SetHandler server-status', 'Require all granted', '</Location>',
        '<Location /guarded>', 'AuthType CloudEP', 'AuthName x', 'Require valid-user', '</Location>',
        '<Location /closed>', 'AuthType CloudEP', 'AuthName x', 'AuthzSendForbiddenOnFailure On', 'Require cloudep-mfa 60', '</Location>',
        '<Location /optional>', 'AuthType CloudEP', 'AuthName x', 'CloudEPTokenOptional On', 'Require all granted', '</Location>']);
make_path(map { "$server->{dir}/htdocs/$_" } qw(guarded closed optional));
spew("$server->{dir}/htdocs/$_/page", 'page') for qw(guarded closed optional);
$server->start;
my $client = client(server => $server, watch => undef);
my $OPEN = 'application/openmetrics-text; version=1.0.0';

sub metrics {
    my (@accept) = @_;
    my $answer = $client->get('/metrics', @accept);
    $answer->status == 200 or die 'metrics: ' . $answer->status . "\n";
    return JSON::PP::decode_json(run($answer->body, 'env', 'LC_ALL=C.UTF-8', '/usr/bin/python3', CloudEP::Httpd::top() . '/t/operate/parse.py', @accept ? 'openmetrics' : 'text'));
}

# The value of a sample with those labels; undef: there is none.
sub value {
    my ($families, $sample, %labels) = @_;
    my @found = grep { my $known = $_->[1]; $_->[0] eq $sample && !grep { ($known->{$_} // '') ne $labels{$_} } keys %labels }
        map { @{ $_->{samples} } } values %$families;
    return @found ? $found[0][2] : undef;
}
sub now { return value(metrics(Accept => $OPEN), @_) // 0 }

# What an action adds to a sample.
sub adds {
    my ($count, $name, $action, @sample) = @_;
    my $before = now(@sample);
    $action->();
    my $after;
    wait_until(20, sub { ($after = now(@sample)) - $before == $count });
    is($after - $before, $count, $name);
}

my $tenant = tenant(server => $server);
my $member = register_member(tenant => $tenant);

# The first page asks the database: a text message that has waited for an hour, of no server.
$server->psql("INSERT INTO cloudep.outbox (tenant_id, channel, target, template, outbox, created_at, next_attempt_at, expires_at)
    SELECT id, 'sms', '+886900000000', 'login_sms', 'nobody', now() - interval '1 hour', now() + interval '1 hour', now() + interval '2 hours'
    FROM cloudep.tenants WHERE slug = '$tenant->{slug}'");
my $first = metrics(Accept => $OPEN);
my %sms = (server => '127.0.0.1:' . $server->port, channel => 'sms');
cmp_ok(value($first, 'cloudep_outbox_waiting', %sms), '>=', 1, 'messages that wait are counted by channel');
cmp_ok(value($first, 'cloudep_outbox_oldest_seconds', %sms), '>=', 3600, 'and how long the oldest has waited');
$server->psql("DELETE FROM cloudep.outbox WHERE outbox = 'nobody'");

subtest 'formats' => sub {
    is($client->get('/metrics')->header('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8', 'text unless Accept says otherwise');
    is($client->get('/metrics', Accept => $OPEN)->header('Content-Type'), "$OPEN; charset=utf-8", 'OpenMetrics');
    my $page = $client->get('/metrics', Accept => $OPEN);
    like($page->body, qr/^# EOF\n\z/m, 'which ends');
    like($page->body, qr/^cloudep_build_info\{version="\d+\.\d+\.\d+[^"]*",httpd="Apache[^"]*"\} 1$/m, 'the versions of CloudEP and of httpd');
    is($page->header('Cache-Control'), 'no-store', 'nobody keeps it');
    is($page->header('Vary'), 'Accept', 'it depends on what is accepted');
    is($page->header('X-Content-Type-Options'), 'nosniff', 'and is what it says');
    my ($open, $text) = (metrics(Accept => $OPEN), metrics());
    cmp_ok(scalar keys %$open, '>', 20, 'the library reads all families');
    is_deeply([sort keys %$open], [sort keys %$text], 'the same in both formats');
    is($open->{cloudep_operation_duration_seconds}{unit}, 'seconds', 'units');
    like(value($open, 'cloudep_build_info'), qr/^1/, 'the version');
    is($client->get("/metrics$_")->status, 404, "/metrics$_ is not there") for '/', '/x';
    my $post = $client->request('POST', '/metrics');
    is($post->status, 405, 'POST is not allowed');
    like($post->header('Allow'), qr/\bGET\b/, 'GET is');
    unlike($client->get('/metrics')->body, qr/\Q$member->{uid}\E|\Q$tenant->{slug}\E|\@/, 'nobody is named');
};

subtest 'operations' => sub {
    my %login = (operation => 'auth.login');
    adds(1, 'a login', sub { login($member) }, 'cloudep_operations_total', %login, outcome => 'done');
    adds(3, 'three wrong passwords', sub { login({ %$member, password => 'wrong wrong' }) for 1 .. 3 }, 'cloudep_operations_total', %login, outcome => 'credentials_wrong');
    adds(1, 'its duration', sub { login($member) }, 'cloudep_operation_duration_seconds_count', %login);
    adds(1, 'no operation takes an hour', sub { login($member) }, 'cloudep_operation_duration_seconds_bucket', %login, le => '+Inf');
    adds(1, 'a resend too soon', sub {
            my ($pending) = register(client => $client, tenant => $tenant);
            $client->post('/api/v1/auth/register/resend', { tenant_slug => $tenant->{slug}, challenge_id => $pending->data->{challenge_id} });
    }, 'cloudep_budget_refusals_total');
};

subtest 'sessions' => sub {
    my $other = register_member(tenant => $tenant);
    adds(1, 'a login opens one', sub { login($other) }, 'cloudep_sessions_opened_total');
    adds(1, 'a third login ends the oldest', sub { login($other) }, 'cloudep_sessions_ended_total', reason => 'too_many_sessions');
    my $last = login($other)->data;
    adds(1, 'ending the others', sub { $client->with(token => $last->{access_token})->delete('/api/v1/members/me/sessions') }, 'cloudep_sessions_ended_total', reason => 'ended_by_member');
    my %changed = %{ register_member(tenant => $tenant) };
    login(\%changed);
    my $new = fresh_password();
    adds(1, 'a change of the password', sub { $changed{client}->post('/api/v1/members/me/password', { current_password => $changed{password}, new_password => $new }) },
        'cloudep_sessions_ended_total', reason => 'password_changed');
    adds(1, 'logout', sub { $client->with(token => $last->{access_token})->post('/api/v1/auth/logout', undef) }, 'cloudep_sessions_ended_total', reason => 'logout');
};

subtest 'the guard' => sub {
    my $known = $client->with(token => login($member)->data->{access_token});
    adds(2, 'passed', sub { $known->get('/guarded/page') for 1, 2 }, 'cloudep_guard_decisions_total', decision => 'passed');
    adds(1, 'no token', sub { $client->get('/guarded/page') }, 'cloudep_guard_decisions_total', decision => 'token_missing');
    adds(1, 'a bad token', sub { $client->with(token => 'x')->get('/guarded/page') }, 'cloudep_guard_decisions_total', decision => 'token_invalid');
    adds(1, 'not enough', sub { $known->get('/closed/page') }, 'cloudep_guard_decisions_total', decision => 'access_refused');
    adds(1, 'anonymous', sub { $client->get('/optional/page') }, 'cloudep_guard_decisions_total', decision => 'anonymous');
};

subtest 'stores and messages' => sub {
    my $known = $client->with(token => login($member)->data->{access_token});
    adds(1, 'a statement', sub { $known->patch('/api/v1/members/me', { display_name => 'B' }) }, 'cloudep_statements_total', statement => "member_update_profile", result => 'done');
    cmp_ok(now('cloudep_memcached_operations_total', verb => 'add', result => 'done') + now('cloudep_memcached_operations_total', verb => 'set', result => 'done'), '>', 0, 'memcached');
    adds(1, 'a mail', sub { register(client => $client, tenant => $tenant) }, 'cloudep_messages_total', channel => 'mail', result => 'sent');
    ok(wait_until(20, sub { now('cloudep_database_connections_used') == 0 }), 'no connection is in use for long');
    ok(wait_until(20, sub { now('cloudep_password_hashes_running') == 0 }), 'nor is a hash');
    ok(defined value(metrics(), 'cloudep_outbox_waiting', channel => 'mail'), 'the outbox');
    my $ages = sub { my $known = metrics(); return map { value($known, 'cloudep_key_age_seconds', keys => $_) } qw(signing sealing) };
    is(scalar(grep { defined && $_ >= 0 && $_ < 3600 } $ages->()), 2, 'both keys were made a while ago');
    $memcached->stop;
    ok(wait_until(20, sub { register(client => $client, tenant => $tenant); now('cloudep_memcached_servers_down') > 0 }), 'memcached is down');
    cmp_ok(now('cloudep_memcached_operations_total', result => 'failed'), '>', 0, 'and operations fail');
    $memcached->start;
    ok(wait_until(30, sub { register(client => $client, tenant => $tenant); now('cloudep_memcached_servers_down') == 0 }), 'and up again');
};

subtest 'restarts' => sub {
    my @login = ('cloudep_operations_total', operation => 'auth.login', outcome => 'done');
    my $before = now(@login);
    $server->graceful;
    is(now(@login), $before, 'a graceful restart loses nothing');
    login($member);
    my $resumed = $server->httpd->resumed;
    kill HUP => $server->pid;
    ok(wait_until(20, sub { $server->httpd->resumed > $resumed }), 'a full restart');
    ok(wait_until(20, sub { (eval { now(@login) } // 0) == $before + 1 }), 'neither does that');
    my $refused = now('cloudep_guard_decisions_total', decision => 'token_missing');
    $client->parallel((['GET', '/guarded/page']) x 40);
    ok(wait_until(20, sub { now('cloudep_guard_decisions_total', decision => 'token_missing') == $refused + 40 }), 'all children count into one');
};

subtest 'mod_status' => sub {
    like($client->get('/status')->body, qr{<h2>CloudEP [\d.]+\S*</h2>.*Logins that gave a session: [1-9]}s, 'its page has a section');
    like($client->get('/status?auto')->body, qr/^cloudep_sessions_opened: [1-9]\d*$/m, 'and its text has lines');
};

# Where the system gives no memory that is shared, as with a limit on it: said, and nothing else is the worse for it.
subtest 'no shared memory' => sub {
    plan(skip_all => 'a sanitizer has the place of the library') if $ENV{CLOUDEP_SANITIZE};
    local $ENV{LD_PRELOAD} = "$ENV{CLOUDEP_BUILD}/no_shared_memory.so";
    my $without = own_server(with => ['<Location /metrics>', 'CloudEPServe metrics', 'Require all granted', '</Location>',
            '<Location /health>', 'CloudEPServe health', 'Require all granted', '</Location>'])->start;
    like($without->log, qr/CE1430: there is no shared memory/, 'it is said');
    ok(login(register_member(server => $without))->data->{access_token}, 'people log in');
    my $at = client(server => $without, watch => undef);
    is($at->get('/metrics')->status, 503, 'there are no metrics');
    is($at->get('/health/ready')->status, 200, 'but health');
};

expect_log(qr/CE\d+: |memcached|AH01631: /);
finish();
