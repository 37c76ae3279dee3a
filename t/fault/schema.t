# A schema that is older or newer than the modules is told as soon as a child sees it, with what to do.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;

my ($newest) = sort { $b <=> $a } map { m{/(\d{4})_} ? $1 + 0 : () } glob CloudEP::Httpd::top() . '/sql/*.sql';
my $server = own_server(pg => own_postgres(), values => { CloudEPSweepInterval => 1 }, with => ['StartServers 1']);
expect_log(qr/CE1461/, qr/CE141/);

# Starts it with a schema that says this version; returns the line that it says about it, or what it says first of others.
sub start_with {
    my ($version) = @_;
    $server->psql('DELETE FROM cloudep.migrations WHERE version >= :v', v => $version);
    $server->psql("INSERT INTO cloudep.migrations (version, name, checksum) VALUES (:v, 'test', repeat('0', 64))", v => $version);
    my $from = $server->log_size;
    $server->start;
    wait_until(30, sub { $server->log($from) =~ /CE146[12]/ });
    $server->stop;
    return $server->log($from);
}

my $number = sub { sprintf '%04d', $_[0] };
like(start_with($newest - 1), qr/cloudep:error.*CE1461: the schema is older than these modules \(migration @{[$number->($newest - 1)]} of @{[$number->($newest)]}\): run cloudepctl migrate/,
    'one that is older');
like(start_with($newest + 1), qr/cloudep:warn.*CE1462: the schema is newer than these modules \(migration @{[$number->($newest + 1)]}, they know @{[$number->($newest)]}\): install the version/,
    'one that is newer');
$server->psql('ALTER TABLE cloudep.migrations RENAME TO elsewhere');
my $from = $server->log_size;
$server->start;
ok(wait_until(30, sub { $server->log($from) =~ /CE1461: the schema is older than these modules \(migration 0000/ }), 'one that says no number');
$server->stop;
$server->psql('ALTER TABLE cloudep.elsewhere RENAME TO migrations');
$server->psql('DELETE FROM cloudep.migrations WHERE version > :v', v => $newest);

# The right one: the sweep that removes an old row has looked at the schema before.
$server->psql("INSERT INTO cloudep.migrations (version, name, checksum) VALUES (:v, 'test', repeat('0', 64)) ON CONFLICT DO NOTHING", v => $newest);
$server->psql("INSERT INTO cloudep.lockouts (tenant_id, kind, subject, last_at) VALUES (gen_random_uuid(), 'test', 'test', now() - interval '9 days')");
$from = $server->log_size;
$server->start;
ok(wait_until(30, sub { !$server->value("SELECT count(*) FROM cloudep.lockouts WHERE kind = 'test'") }), 'a sweep with the right one');
$server->stop;
unlike($server->log($from), qr/CE146[12]/, 'and nothing is said');
finish();
