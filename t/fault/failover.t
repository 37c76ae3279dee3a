# A primary that dies, that is closed to writes, and a synchronous standby that is away: with several hosts in DBDParams what
# was acknowledged stays true, and service goes on without a restart.
#
#     CLOUDEP_FAILOVERS=10 ./dev test t/fault/failover.t     so many failovers, with a table
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Process qw(slurp spew wait_until);
use CloudEP::Test;
use File::Path qw(remove_tree);
use List::Util qw(max);
use POSIX ();
use Time::HiRes qw(time);

my @pids;    # of writers
my $rounds = $ENV{CLOUDEP_FAILOVERS} // 1;
my ($connections, $writers) = (4, 4);

# A killed process loses nothing that it gave to the system, so fsync may stay off; commits wait for the standby.
my %settings = (settings => { synchronous_commit => 'on' });
my $primary = own_postgres(%settings);
my $standby = own_postgres(%settings, template => undef, primary => $primary);
$primary->require_standby;

my $hosts = join ',', $primary->{run}, $standby->{run};

# One child, so that its connections can be counted.
my $server = own_server(pg => $primary, values => {
        DBDParams => "\"host=$hosts dbname=cloudep user=cloudep_app connect_timeout=2 target_session_attrs=read-write\"",
        CloudEPDatabaseConnections => $connections, CloudEPStatementTimeout => 500, CloudEPDatabaseWait => 1000,
}, with => ['StartServers 1', 'ServerLimit 1', 'MaxRequestWorkers 32', 'MinSpareThreads 1', 'MaxSpareThreads 32'])->start;
my @members = map { register_member(server => $server) } 1 .. $writers;
my $client = $members[0]{client}->with(watch => undef);
my $written = 0;

sub change { my ($count) = @_; return map { ['PATCH', '/api/v1/members/me', { display_name => 'n' . ++$written }] } 1 .. $count }
sub statuses { my %count; $count{ $_->status }++ for @_; return join ', ', map { "$count{$_} of $_" } sort keys %count }
sub hanging { return $primary->value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") }

is($primary->value("SELECT string_agg(DISTINCT application_name, ', ') FROM pg_stat_activity WHERE usename = 'cloudep_app'"),
    'cloudep 127.0.0.1', 'pg_stat_activity names the server that connects');

# ---- a synchronous standby that is away
$standby->stop;
my ($answered, $most, $full) = (0, 0, 0);
wait_until(60, sub {
        my @answers = $client->parallel(change(12));
        $answered += grep { $_->status == 500 || $_->status == 503 } @answers;
        $most = max($most, hanging());
        return $most >= $connections && $full++;
});
is($answered, $written, "with the standby away each of $written changes is told 500 or 503");
is($most, $connections, 'the commits that hang are no more than CloudEPDatabaseConnections');
is(statuses($client->parallel(change(8))), '8 of 503', 'once they are as many, further requests are told 503');
my @told = $server->log =~ /(CE1242: .*)/g;
like($told[0], qr/CloudEPDatabaseConnections.*synchronous_standby_names/, 'the log names the limit and the setting');
is(scalar @told, 1, 'once');
$standby->start;
ok(wait_until(30, sub { ($client->parallel(change(1)))[0]->status == 200 }), 'with the standby back a change is made');
ok(wait_until(60, sub { statuses($client->parallel(change(20))) eq '20 of 200' }), 'and 20 at once are');

# ---- failovers
my $dir = $server->{dir};

# Logs in and changes a name, again and again; writes down what was acknowledged.
sub writer {
    my ($number, $round) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    @pids = ();
    open my $out, '>>', "$dir/acknowledged.$number" or POSIX::_exit(1);
    $out->autoflush(1);
    my $member = $members[$number];
    my $unseen = { %$member, client => $member->{client}->with(watch => undef) };
    my $name = 0;
    while (!-e "$dir/stop.$round") {
        my $login = eval { login($unseen) };
        printf $out "%.6f session %s\n", time, (CloudEP::Jwt::parts($login->data->{access_token}))[1]{sid}
            if $login && $login->status == 200;
        my $changed = eval { $unseen->{client}->patch('/api/v1/members/me', { display_name => 'v' . ($round * 100000 + ++$name) }) };
        printf $out "%.6f name %d\n", time, $round * 100000 + $name if $changed && $changed->status == 200;
        printf $out "%.6f odd %s\n", time, $_->status for grep { $_ && $_->status !~ /^(?:200|500|503)$/ } $login, $changed;
    }
    POSIX::_exit(0);
}

END { kill TERM => @pids }

# Everything acknowledged since $from: [time, kind, value, number of the writer].
sub acknowledged {
    my ($from) = @_;
    my @found = sort { $a->[0] <=> $b->[0] } grep { $_->[0] > $from } map {
        my $number = $_;
        map { [split(/ /), $number] } split /\n/, (eval { slurp("$dir/acknowledged.$number") } // '') =~ s/[^\n]*\z//r;
    } 0 .. $writers - 1;
    return @found;    # in scalar context their number
}

my @table;
for my $round (1 .. $rounds) {
    my $began = time;
    @pids = map { writer($_, $round) } 0 .. $writers - 1;
    wait_until(30, sub { acknowledged($began) >= 40 }) or die "no load\n";
    my $killed = time;
    $primary->kill9;
    $standby->promote;
    my $promoted = time;
    ok(wait_until(30, sub { acknowledged($promoted) >= 40 }), "failover $round: writes go on without a restart");
    spew("$dir/stop.$round", '');
    waitpid $_, 0 for splice @pids;
    ($primary, $standby) = ($standby, $primary);
    $server->{pg} = $primary;

    my @all = acknowledged($began);
    is_deeply([grep { $_->[1] eq 'odd' } @all], [], "failover $round: nobody is told anything but 200, 500 or 503");
    my @sessions = map { $_->[2] } grep { $_->[1] eq 'session' } @all;
    my $there = $primary->value("SELECT count(*) FROM cloudep.sessions WHERE id::text = ANY (string_to_array(:'ids', ','))",
        ids => join ',', @sessions);
    is($there, scalar @sessions, "failover $round: each of " . @sessions . ' logins that were acknowledged is there');
    for my $number (0 .. $writers - 1) {
        my $last = max(map { $_->[2] } grep { $_->[1] eq 'name' && $_->[3] == $number } @all);
        cmp_ok($primary->value("SELECT substr(display_name, 2)::integer FROM cloudep.members WHERE uid = :'uid'",
                uid => $members[$number]{uid}), '>=', $last, "failover $round: the last acknowledged change of writer $number is there");
    }
    my $gap = max(map { $all[$_][0] - $all[$_ - 1][0] } 1 .. $#all);
    push @table, sprintf '%8d  %12d  %17.2f  %29.2f', $round, scalar @all, $promoted - $killed, $gap;

    # The old primary, whose data folder may be ahead, is made anew as the standby of the other.
    remove_tree($standby->{data});
    $standby->{primary} = $primary;
    $standby->start;
    $primary->require_standby;
}
diag(join "\n", 'failover  acknowledged  promoted after, s  longest time without writes, s', @table);

# ---- a primary that is closed to writes and keeps its connections, as a demoted one behind a proxy
is(statuses($client->parallel(change(20))), '20 of 200', 'connections are in use');
$standby->promote;
$primary->psql('ALTER SYSTEM RESET synchronous_standby_names');
$primary->psql('ALTER SYSTEM SET default_transaction_read_only = on');
$primary->psql('SELECT pg_reload_conf()');
my @answers;
ok(wait_until(30, sub {
            push @answers, $client->parallel(change(10));
            return ($standby->value("SELECT display_name FROM cloudep.members WHERE uid = :'uid'", uid => $members[0]{uid}) // '') =~ /^n/
                && $standby->value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'cloudep_app'") >= 2;
}), 'changes go to the other server');
is(statuses(@answers), @answers . ' of 200', 'nobody noticed: what was refused was certainly not done, and was done there');
is(statuses($client->parallel(change(40))), '40 of 200', 'and so are 40 more');

expect_log(qr/statement \w+: |CE\d+: .* failed \((?:database|overload)\)|CE(?:1240|1242|142): |AH(?:006|026)\d\d: /);
finish();
