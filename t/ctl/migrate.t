# cloudepctl migrate: from an empty server to the schema, once, in order, whole or not at all, and never over a
# history that differs.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;
use File::Copy qw(copy);
use File::Path qw(make_path);

my $sql = CloudEP::Httpd::top() . '/sql';
my $pg = own_postgres(template => undef);
my $ctl = CloudEP::Ctl->new(database => $pg->dsn('cloudep_owner'));
my $folder = "$pg->{run}/sql";
make_path($folder);
copy($_, $folder) or die "$_: $!" for glob "$sql/*.sql";
my @migrate = ('migrate', '--sql-dir', $folder);

# What --status says where something is pending, which its exit code tells.
sub pending {
    my ($name) = @_;
    my ($status, $output, $errors) = $ctl->run(@migrate, '--status', '--json');
    is($status, 7, "$name: exit code 7") or diag($errors);
    return JSON::PP::decode_json($output);
}

# ---- before setup.sql
$pg->rows_of('postgres', 'CREATE DATABASE cloudep');
$ctl->fails(3, qr{a database administrator runs \Q$folder\E/setup\.sql}, 'no roles yet: says who must do what', @migrate);
my $admin = CloudEP::Ctl->new(database => $pg->dsn('postgres'));
$admin->fails(1, qr{schema cloudep is missing: .*setup\.sql}, 'no schema yet: the same', @migrate);
$pg->psql('CREATE SCHEMA cloudep');
$admin->fails(1, qr{role cloudep_app is missing: .*setup\.sql}, 'no application role yet: the same', @migrate);
$pg->psql('DROP SCHEMA cloudep');
$pg->setup($sql);

# ---- the first and the second run
my ($first) = map { s{.*/}{}r } sort glob "$folder/0*.sql";
is_deeply(pending('--status of an empty schema')->{migrations}[0]{state}, 'pending', 'all is pending');
is($pg->value("SELECT count(*) FROM pg_class WHERE relname = 'migrations'"), 0, '--status changes nothing');
like($ctl->done('the first run', @migrate), qr/^applied \Q$first\E$/m, 'says what it applied');
is($ctl->done('the second run', @migrate), "nothing to do: the database is up to date\n", 'finds nothing to do');
is_deeply($ctl->json('with --json', @migrate), { applied => [] }, 'neither does a third');
my ($state) = @{ $ctl->json('--status', @migrate, '--status')->{migrations} };
is_deeply([@{$state}{qw(version name state)}], [1, $first =~ /^\d+_(.*)\.sql$/, 'applied'], 'the first is applied');
is($state->{checksum}, (split / /, qx(sha256sum '$folder/$first'))[0], 'with the checksum of its file');
like($state->{applied_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'and its time');
like($ctl->done('--status for people', @migrate, '--status'), qr/^VERSION .*\n1 +model +applied +\d{4}-/, 'as a table, too');
my $application = CloudEP::Ctl->new(database => $pg->dsn('cloudep_app'));
$application->fails(1, qr/may not change the schema cloudep/, 'the role of httpd may not migrate', @migrate);

# ---- what no migration mends is told
sub warned {
    my ($name, $sql, $pattern, $undo) = @_;
    $pg->psql($sql);
    my ($status, $output, $errors) = $ctl->run(@migrate, '--status');
    is($status, 0, "$name: no failure");
    like($errors, qr/^cloudepctl: warning: $pattern/m, 'and a warning');
    is(() = $errors =~ /warning/g, 1, 'one');
    like(($ctl->run(@migrate))[2], qr/warning: $pattern/, 'migrate says it, too');
    $pg->psql($undo);
}
for my $setting ("default_transaction_isolation = 'repeatable read'", 'default_transaction_read_only = on', "statement_timeout = '1ms'",
    'search_path = public', 'synchronous_commit = off') {
    my ($name) = split / /, $setting;
    warned("the role's $name", "ALTER ROLE cloudep_app SET $setting", qr/the role cloudep_app has \Q$name\E=/, "ALTER ROLE cloudep_app RESET $name");
}
warned("the database's setting", 'ALTER DATABASE cloudep SET lock_timeout = 1', qr/this database has lock_timeout=1,/, 'ALTER DATABASE cloudep RESET lock_timeout');
warned('temporary tables', 'GRANT TEMPORARY ON DATABASE cloudep TO cloudep_app', qr/the role cloudep_app may make temporary tables/,
    'REVOKE TEMPORARY ON DATABASE cloudep FROM cloudep_app');
warned('large objects', 'GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC', qr/the role cloudep_app may make large objects/,
    'REVOKE EXECUTE ON FUNCTION lo_create(oid) FROM PUBLIC');
warned('events', 'GRANT DELETE ON cloudep.events TO cloudep_app', qr/the role cloudep_app may delete events/, 'REVOKE DELETE ON cloudep.events FROM cloudep_app');
warned('attributes', 'ALTER ROLE cloudep_app CREATEDB', qr/the role cloudep_app has attributes/, 'ALTER ROLE cloudep_app NOCREATEDB');
warned('another role', 'GRANT pg_read_all_data TO cloudep_app', qr/the role cloudep_app is a member of another role/, 'REVOKE pg_read_all_data FROM cloudep_app');
$pg->psql("ALTER ROLE cloudep_app SET log_statement = 'none'");
is($ctl->done('a setting that does no harm', @migrate), "nothing to do: the database is up to date\n", 'is not told');

# ---- whole or not at all
my $next = 1 + $ctl->json('what is there', @migrate, '--status')->{migrations}[-1]{version};
my $file = sub { sprintf '%s/%04d_%s.sql', $folder, $next + $_[0], $_[1] };
spew($file->(0, 'half'), 'CREATE TABLE cloudep.half (n integer); SELECT nonsense;');
$ctl->fails(3, qr/_half\.sql: database: column "nonsense" does not exist/, 'a migration that fails', @migrate);
is($pg->value("SELECT count(*) FROM pg_class WHERE relname = 'half'"), 0, 'leaves nothing of itself');
spew($file->(0, 'half'), 'CREATE TABLE cloudep.half (n integer PRIMARY KEY); INSERT INTO cloudep.half VALUES (1), (1);');
$ctl->fails(3, qr/_half\.sql: .*unique constraint/, 'one that breaks a unique constraint is not taken for applied', @migrate);
is(pending('afterwards')->{migrations}[-1]{state}, 'pending', 'it is pending still');

# ---- several at once
spew($file->(0, 'half'), "CREATE TABLE cloudep.half (n integer); SELECT pg_sleep(0.5); INSERT INTO cloudep.half VALUES (1);\n");
spew($file->(1, 'more'), "INSERT INTO cloudep.half VALUES (2);\n");
my @runs = map { open my $run, '-|', $ctl->command(@migrate, '--json') or die "$!"; $run } 1 .. 4;
my @applied;
for my $run (@runs) {
    my $document = JSON::PP::decode_json(do { local $/; <$run> });
    ok(close $run, 'a run beside three others succeeds');
    push @applied, map { $_->{version} } @{ $document->{applied} };
}
is_deeply([sort { $a <=> $b } @applied], [$next, $next + 1], 'each migration is applied by one of them');
is($pg->value('SELECT count(*) FROM cloudep.half'), 2, 'and once');

# ---- a history that differs
my $text = slurp($file->(1, 'more'));
spew($file->(1, 'more'), "$text-- afterthought\n");
$ctl->fails(1, qr/_more\.sql is not what was applied/, 'an applied file that changed', @migrate);
$ctl->fails(1, qr/_more\.sql is not what was applied/, 'is told by --status, too', @migrate, '--status');
spew($file->(2, 'later'), 'CREATE TABLE cloudep.later (n integer)');
$ctl->fails(1, qr/_more\.sql is not/, 'and nothing behind it is applied', @migrate);
is($pg->value("SELECT count(*) FROM pg_class WHERE relname = 'later'"), 0, 'indeed');
unlink $file->(2, 'later');
unlink $file->(1, 'more');
$ctl->fails(1, qr/the database is newer than/, 'a database that has more than the folder', @migrate);
spew($file->(1, 'more'), $text);
rename $file->(0, 'half'), "$folder/kept" or die;
$ctl->fails(1, qr/lacks migration \d{4}/, 'a file that is gone', @migrate);
rename "$folder/kept", $file->(0, 'half') or die;
is($ctl->done('all put right', @migrate), "nothing to do: the database is up to date\n", 'runs again');

# ---- a folder that is wrong
my @strange = map { "$folder/$_" } qw(0000_zero.sql 900_short.sql 9001-dash.sql 9002_Upper.sql 9003_.sql 9004_x.sql.bak 90055_x.sql 900a_x.sql);
spew($_, 'SELECT nonsense') for @strange;
is($ctl->done('names that are no migration\'s', @migrate), "nothing to do: the database is up to date\n", 'are passed over');
unlink @strange;
for my $case ([nul => "SELECT 1;\0 DROP"], [large => '-' x (4 * 1024 * 1024 + 1)]) {
    my ($name, $content) = @$case;
    spew($file->(2, $name), $content);
    $ctl->fails(4, qr/_$name\.sql: not a file of SQL/, "a file that is no SQL: $name", @migrate);
    unlink $file->(2, $name);
}
make_path($file->(2, 'folder'));
$ctl->fails(4, qr/_folder\.sql: not a file of SQL/, 'a folder of that name', @migrate);
rmdir $file->(2, 'folder');
copy($file->(1, 'more'), $file->(1, 'twin')) or die;
$ctl->fails(4, qr/have one number/, 'two files of one number', @migrate);
$ctl->fails(4, qr/no migrations/, 'a folder without any', 'migrate', '--sql-dir', $pg->{run});
$ctl->fails(4, qr/No such file/, 'no folder', 'migrate', '--sql-dir', "$folder/none");

finish();
