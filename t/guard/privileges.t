# Least privilege: what the role of httpd may not do in the database, and files that others could read are refused at start.
use strict;
use warnings;
use CloudEP::Postgres;
use CloudEP::Process qw(capture spew);
use CloudEP::Test;

# ---- the database
my $pg = own_postgres();

# Runs SQL as the role of the modules; returns the SQLSTATE of what was refused, or 'done'.
sub app {
    my ($sql) = @_;
    my ($status, $output, $errors) = capture($sql, CloudEP::Postgres::program('psql'), '-h', $pg->{run}, '-U',
        'cloudep_app', '-d', 'cloudep',
        qw(-X -q -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=sqlstate -f -));
    return $status ? ($errors =~ /ERROR:\s+(\w{5})/)[0] // "failed: $errors" : 'done';
}

my @tables = map { $_->[0] } @{ $pg->psql(q(SELECT tablename FROM pg_tables WHERE schemaname = 'cloudep' ORDER BY 1)) };
cmp_ok(scalar @tables, '>', 10, 'there are tables');
is($pg->value(q(SELECT count(*) FROM pg_tables WHERE schemaname = 'cloudep' AND tableowner <> 'cloudep_owner')), 0,
    'all are the owner\'s');
is($pg->value(q(SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles
    WHERE rolname = 'cloudep_app')), 'f',
    'the role has no attribute beyond logging in');
is($pg->value(q(SELECT count(*) FROM pg_auth_members WHERE member = 'cloudep_app'::regrole)), 0,
    'and is a member of no other');
my $ACL = q(SELECT string_agg(relname || coalesce(relacl::text, ''), ' ' ORDER BY relname) || (SELECT nspacl::text FROM pg_namespace WHERE nspname = 'cloudep')
    FROM pg_class WHERE relnamespace = 'cloudep'::regnamespace);
my $acl = $pg->value($ACL);
is(app('SELECT 1 FROM cloudep.tenants; UPDATE cloudep.invites SET uses = uses; DELETE FROM cloudep.sessions WHERE false'),
    'done', 'it does its work');

my @refused = (
    (map { ("ALTER TABLE cloudep.$_ ADD COLUMN x text", "DROP TABLE cloudep.$_", "TRUNCATE cloudep.$_",
                "CREATE INDEX ON cloudep.$_ ((1))", "ALTER TABLE cloudep.$_ OWNER TO cloudep_app",
                "ALTER TABLE cloudep.$_ DISABLE TRIGGER ALL",
                "CREATE RULE r AS ON SELECT TO cloudep.$_ DO INSTEAD NOTHING", "COMMENT ON TABLE cloudep.$_ IS 'x'") } @tables),
    'CREATE TABLE cloudep.x (a int)', 'CREATE TABLE public.x (a int)', 'CREATE SCHEMA x', 'DROP SCHEMA cloudep CASCADE',
    'ALTER SCHEMA cloudep RENAME TO x',
    'CREATE VIEW cloudep.x AS SELECT 1', 'CREATE FUNCTION cloudep.x() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
    'CREATE SEQUENCE cloudep.x', 'CREATE TYPE cloudep.x AS (a int)',
    'CREATE ROLE x', 'ALTER ROLE cloudep_owner PASSWORD NULL',
    'SET ROLE cloudep_owner', 'SET ROLE postgres', 'SET SESSION AUTHORIZATION cloudep_owner',
    'ALTER SYSTEM SET log_statement = \'all\'', 'ALTER DATABASE cloudep SET log_statement = \'all\'', 'CREATE DATABASE x',
    'DROP DATABASE cloudep', 'CREATE EXTENSION file_fdw',
    q(COPY cloudep.tenants TO PROGRAM 'cat'), q(COPY cloudep.tenants TO '/tmp/x'), q(SELECT pg_read_file('/etc/passwd')),
    q(SELECT pg_reload_conf()), q(SELECT lo_export(1, '/tmp/x')),
    q(INSERT INTO cloudep.tenants DEFAULT VALUES), 'UPDATE cloudep.tenants SET name = name',
    'DELETE FROM cloudep.tenants', q(INSERT INTO cloudep.invites DEFAULT VALUES), 'DELETE FROM cloudep.invites',
    (map { "UPDATE cloudep.invites SET $_->[0] = $_->[0]" } grep { $_->[0] ne 'uses' }
            @{ $pg->psql(q(SELECT column_name FROM information_schema.columns WHERE table_schema = 'cloudep' AND table_name = 'invites')) }),
    'UPDATE cloudep.events SET name = name', 'DELETE FROM cloudep.events',
    'CREATE TEMPORARY TABLE x (a int)', 'SELECT lo_create(0)', 'SELECT lo_creat(-1)', q(SELECT lo_from_bytea(0, 'x')),
);
for my $sql (@refused) {
    is(app($sql), '42501', "refused: $sql");
}
is($pg->value(q(SELECT count(*) FROM pg_tables WHERE schemaname = 'cloudep')), scalar @tables, 'no table has come or gone');
app("GRANT $_ TO PUBLIC") for 'USAGE ON SCHEMA cloudep', map { "SELECT ON cloudep.$_" } @tables;    # PostgreSQL only warns that it grants nothing
is($pg->value($ACL), $acl, 'and nobody has got more rights');

# ---- events: removed by age alone, made nameless for those who leave alone
$pg->psql(q(INSERT INTO cloudep.tenants (slug, name) VALUES ('t', 'T')));
$pg->psql(q(INSERT INTO cloudep.members (tenant_id, uid, email, status) SELECT id, gen_random_uuid(), 'stays@example.com', 'active' FROM cloudep.tenants));
$pg->psql(q(INSERT INTO cloudep.events (tenant_id, at, name, outcome, uid, address)
    SELECT tenant_id, now() - age, 'x', '102000', uid, '192.0.2.1' FROM cloudep.members, (VALUES (interval '23 hours'), (interval '25 hours')) v (age)));
is(app(q(SELECT cloudep.expire_events(interval '0'))), 'done', 'the role may have old events removed');
is($pg->value('SELECT count(*) FROM cloudep.events'), 1, 'and those of the last day stay, whatever it says');
is(app(q(SELECT cloudep.erase_events(tenant_id, uid) FROM cloudep.members)), 'done', 'it may have events made nameless');
is($pg->value('SELECT count(*) FROM cloudep.events WHERE uid IS NOT NULL AND address IS NOT NULL'), 1, 'and those of a member who stays keep the name');

# ---- files
my $folder = CloudEP::Test::own_folder('files');

my $keys = own_server(keys => "$folder/keys")->start;
$keys->stop;
for my $mode (0644, 0640, 0604, 0622, 0660, 0666, 0777) {
    for my $name (qw(signing sealing)) {
        chmod $mode, "$folder/keys/$name.jwks";
        like(own_server(keys => "$folder/keys")->refusal, qr{\Q$name\E\.jwks: mode 0?\d+ lets others},
            sprintf 'a %s key file of mode %04o stops the start', $name, $mode);
        chmod 0600, "$folder/keys/$name.jwks";
    }
}
for my $mode (0600, 0400) {
    chmod $mode, "$folder/keys/signing.jwks";
    my $server = own_server(keys => "$folder/keys")->start;
    ok($server->pid, sprintf 'one of mode %04o does not', $mode);
    $server->stop;
}
for my $case (['CloudEPMailPasswordFile', CloudEPMailUser => 'mailer'],
    ['CloudEPSMSSecretFile', CloudEPSMSTransport => 'http://127.0.0.1:9/', CloudEPSMSBody => '"{}"']) {
    my ($directive, %values) = @$case;
    spew("$folder/secret", "hush\n");
    for my $mode (0640, 0644, 0604, 0602, 0620, 0660, 0666) {
        chmod $mode, "$folder/secret";
        like(own_server(values => { %values, $directive => "$folder/secret" })->refusal,
            qr{\Q$folder\E/secret\b.*(?:mode|others|chmod)}s, sprintf '%s of mode %04o stops the start', $directive, $mode);
    }
}
for my $mode (0707, 0701, 0704, 0702, 0770, 0750, 0710, 0740, 0720, 0755, 0777) {
    mkdir "$folder/spool";
    chmod $mode, "$folder/spool";
    like(own_server(values => { CloudEPMailTransport => "\"spool:$folder/spool\"" })->refusal,
        qr{\Q$folder\E/spool: its mode lets others in}, sprintf 'a spool folder of mode %04o stops the start', $mode);
}
chmod 0700, "$folder/spool";
my $server = own_server(smtp => undef, values => { CloudEPMailTransport => "\"spool:$folder/spool\"" },
    mail => "$folder/spool")->start;
my ($registered, $sent) = register(client => client(server => $server), tenant => tenant(server => $server));
$server->mails($sent->{email});
is_deeply([grep { (stat)[2] & 077 } glob "$folder/spool/*"], [], 'what is spooled is for its owner only');

expect_log(qr/CE\d+: /);
finish();
