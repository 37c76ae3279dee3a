# Migration 0013 while nodes of 1.0.0 serve: where members are known from the start, and what those nodes go on doing.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Httpd;
use CloudEP::Test;
use File::Copy qw(copy);
use File::Path qw(make_path);

my $sql = CloudEP::Httpd::top() . '/sql';
my $pg = own_postgres(template => undef);
$pg->rows_of('postgres', 'CREATE DATABASE cloudep');
$pg->setup($sql);
my $ctl = CloudEP::Ctl->new(database => $pg->dsn('cloudep_owner'));
my $folder = "$pg->{run}/sql";
make_path($folder);
my @migrate = ('migrate', '--sql-dir', $folder);
my ($present, @later) = grep { m{/(\d+)_[^/]*$} && $1 >= 13 } sort glob "$sql/0*.sql";
copy($_, $folder) or die "$_: $!" for grep { $_ lt $present } glob "$sql/0*.sql";
$ctl->done('what came before', @migrate);

# ---- members and sessions of before
my $tenant = $pg->value("INSERT INTO cloudep.tenants (slug, name) VALUES ('acme', 'Acme') RETURNING id");
my $uid = $pg->value('SELECT gen_random_uuid()');
$pg->psql("INSERT INTO cloudep.members (tenant_id, uid, email, status, generation, sessions_from) VALUES (:'t', :'u', 'ann\@example.com', 'active', 3, 2)",
    t => $tenant, u => $uid);

# A session as 1.0.0 opens it; with more columns as later versions do.
sub open_session {
    my ($address, %more) = @_;
    my @names = sort keys %more;
    $pg->psql('SET ROLE cloudep_app; INSERT INTO cloudep.sessions (' . join(', ', qw(tenant_id id uid amr address idle_expires_at expires_at), @names)
            . ") VALUES (:'t', gen_random_uuid(), :'u', 'pwd', :'a', now() + interval '1 day', now() + interval '5 days'"
            . join('', map { ", $more{$_}" } @names) . '); RESET ROLE', t => $tenant, u => $uid, a => $address);
    return;
}
open_session('192.0.2.1');
open_session('192.0.2.2', generation => 2);
open_session('192.0.2.3', generation => 1);
open_session('192.0.2.4', revoked_at => 'now()', revoke_reason => "'logout'");
open_session('192.0.2.5', revoked_at => 'now()', revoke_reason => "'password reset'");
open_session('2001:db8:1:2:3:4:5:6');
copy($present, $folder) or die "$present: $!";
$ctl->done('the migration', @migrate);

my $known = sub { [map { $_->[0] } @{ $pg->psql("SELECT network FROM cloudep.known_networks WHERE uid = :'u' ORDER BY 1", u => $uid) }] };
is_deeply($known->(), [qw(192.0.2.1 192.0.2.2 192.0.2.4 2001:db8:1:2::/64)], 'known is where sessions are, or were until their member logged out');
is($pg->value("SELECT count(*) FROM cloudep.known_networks WHERE generation = 3 AND known_until BETWEEN now() + interval '94 days' AND now() + interval '96 days'"),
    4, 'until 90 days after their end');

# ---- a node of 1.0.0 afterwards
open_session('192.0.2.9');
ok((grep { $_ eq '192.0.2.9' } @{ $known->() }), 'a session that 1.0.0 opens makes its network known');
$pg->psql("UPDATE cloudep.sessions SET generation = NULL WHERE address = '192.0.2.2'");
ok((grep { $_ eq '192.0.2.2' } @{ $known->() }), 'one without a generation leaves it known');
open_session('unknown');
open_session('fe80::1%eth0');
is(scalar @{ $known->() }, 5, 'what is no address opens one all the same');
$pg->psql("SET ROLE cloudep_app; UPDATE cloudep.sessions SET revoked_at = now(), revoke_reason = 'refresh token reused' WHERE address = '192.0.2.9'; RESET ROLE");
ok(!(grep { $_ eq '192.0.2.9' } @{ $known->() }), 'one that it ends makes it unknown');
$pg->psql("SET ROLE cloudep_app; INSERT INTO cloudep.lockouts (tenant_id, kind, subject, failures) VALUES (:'t', 'password', :'u', 1);"
        . " DELETE FROM cloudep.lockouts; INSERT INTO cloudep.events (tenant_id, name, outcome) VALUES (:'t', 'old', '0'); RESET ROLE", t => $tenant, u => $uid);
is($pg->value("SELECT count FROM cloudep.events WHERE name = 'old'"), 1, 'an event that it writes stands for itself');

finish();
