# A database that is set up in a way that does harm, or cannot be used at all: the first makes no difference, the second is
# told with the directive and the remedy.
use strict;
use warnings;
use CloudEP::Process qw(spew wait_until);
use CloudEP::Test;

my $pg = own_postgres();
$pg->psql("ALTER ROLE cloudep_app SET $_") for "default_transaction_isolation = 'repeatable read'",
    "search_path = 'public'", "timezone = 'Asia/Taipei'", "datestyle = 'German'", "intervalstyle = 'iso_8601'",
    "bytea_output = 'escape'", 'statement_timeout = 1', 'lock_timeout = 1';
my $server = own_server(pg => $pg)->start;
my $member = register_member(server => $server);
my $client = $member->{client};

my @refreshes = $client->parallel((['POST', '/api/v1/auth/token/refresh', { refresh_token => $member->{refresh} }]) x 8);
is(scalar(grep { $_->status == 200 } @refreshes), 8, 'of 8 parallel refreshes under a role with repeatable read all succeed');

# ---- connections that ended while they were idle
$pg->psql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'cloudep_app'");
@refreshes = $client->parallel((['POST', '/api/v1/auth/token/refresh', { refresh_token => $member->{refresh} }]) x 8);
is(scalar(grep { $_->status == 200 } @refreshes), 8, 'no request is given a connection that the server has ended');

# ---- a server that is closed to writes, and no other
sub read_only { $pg->psql("ALTER SYSTEM SET default_transaction_read_only = $_[0]"); $pg->psql('SELECT pg_reload_conf()') }
sub change { return $client->patch('/api/v1/members/me', { display_name => 'A name' }) }
read_only('on');
ok(wait_until(20, sub { change()->status == 500 }), 'a change on a server that takes no writes is 500');
outcome($client->get('/api/v1/members/me'), 200, 102000, 'which does not keep anybody from reading');
like($server->log, qr/CE141: statement \w+: 25006 .*target_session_attrs=read-write.*default_transaction_read_only/,
    'the log says what it needs');
$pg->psql('ALTER SYSTEM RESET default_transaction_read_only');
$pg->psql('SELECT pg_reload_conf()');
ok(wait_until(20, sub { change()->status == 200 }), 'and the first change after it takes writes again is made, without a restart');
$server->stop;

# ---- what can never work is refused when httpd starts
my %mistakes = (
    'no DBDriver' => [{ without => ['DBDriver'] }, qr/CE1: database: CloudEPDatabase On needs DBDriver: add DBDriver pgsql/],
    'another DBDriver' => [{ values => { DBDriver => 'sqlite3' } }, qr/sqlite3/],
    'an unknown option' => [{ values => { DBDParams => '"hots=db1 password=geheim"' } }, qr/CE1: database: DBDParams: .*does not know.*host=/],
    'no options at all' => [{ values => { DBDParams => '"db1 geheim"' } }, qr/CE1: database: DBDParams: .*not option=value/],
);
for my $mistake (sort keys %mistakes) {
    my ($options, $said) = @{ $mistakes{$mistake} };
    my $told = own_server(%$options)->refuses_to_start;
    like($told, $said, "$mistake is told at start");
    unlike($told =~ s/AH\d+:.*//gr, qr/geheim/, "$mistake: without a word of the password");
}

# ---- what may become right is told when it is tried: who, where, and why libpq sends no password
sub tells {
    my ($params, $said, $name) = @_;
    my $broken = own_server(pg => $pg, values => { DBDParams => "\"$params\"", CloudEPIssuer => $server->url })->start;
    outcome(client(server => $broken, token => $member->{access})->get('/api/v1/members/me'), 500, 29201000, "$name: requests are told 500");
    my @told = $broken->log =~ /(CE1240: .*)/g;
    like($told[0], $said, "$name: the log says what is wrong");
    client(server => $broken, token => $member->{access})->get('/api/v1/members/me') for 1 .. 3;
    cmp_ok(scalar(() = $broken->log =~ /CE1240: /g), '<=', 2, "$name: once for each of the two children");
    $broken->stop;
}
my $passfile = "$pg->{run}/pgpass";
spew($passfile, "*:*:*:*:geheim\n");
chmod 0644, $passfile;
tells("host=/nowhere dbname=cloudep user=cloudep_app", qr{host=/nowhere.*dbname=cloudep user=cloudep_app}, 'no such host');
tells($pg->dsn('nobody_at_all'), qr{user=nobody_at_all}, 'no such role');
tells($pg->dsn('nobody_at_all') . " passfile=$passfile", qr{\Q$passfile\E may be read by others \(mode 0644\).*mode 0600}, 'a passfile that others may read');
tells($pg->dsn('nobody_at_all') . ' passfile=/nowhere/pgpass', qr{/nowhere/pgpass cannot be read by the user id \d+.*No such file}, 'a passfile that is not there');

expect_log(qr/statement \w+: |CE\d+: .* failed \(database\)|CE1240: |AH006\d\d: |DBD: |AH02654|FATAL|could not connect|connection to server/);
finish();
