# cloudepctl tenant export and tenant delete: everything of a tenant, and nothing of its neighbour.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;

my $ctl = CloudEP::Ctl->new(database => server->pg->dsn('cloudep_owner'));
my ($tenant, $neighbour) = (tenant(), tenant());
my @members = map { register_member(tenant => $tenant) } 1, 2;
my $stranger = register_member(tenant => $neighbour);
my @slug = ('--slug', $tenant->{slug});

# ---- export
my $whole = $ctl->json('export', qw(tenant export), @slug)->{tenant};
is($whole->{slug}, $tenant->{slug}, 'has the tenant');
is_deeply([sort map { $_->{uid} } @{ $whole->{members} }], [sort map { $_->{uid} } @members], 'its members');
is_deeply([map { $_->{code} } @{ $whole->{invites} }], [$tenant->{invite}], 'and its invites');
like($whole->{members}[0]{email}, qr/\@/, 'a member has its fields');
my ($status, $printed) = $ctl->run(qw(tenant export), @slug);
is_deeply([$status, JSON::PP::decode_json($printed)->{tenant}{slug}], [0, $tenant->{slug}], 'it is JSON without being asked');
unlike($printed, qr/argon2|secret|digest/, 'without what is secret');
$ctl->fails(6, qr/no tenant nobody/, 'an unknown tenant', 'tenant', $_, qw(--slug nobody)) for qw(export delete);

# ---- more than a page
my $large = tenant();
server->psql(q(WITH of AS (SELECT id FROM cloudep.tenants WHERE slug = :'slug'),
    guests AS (INSERT INTO cloudep.invites (tenant_id, id, code, max_uses) SELECT of.id, gen_random_uuid(), 'guest-' || n, 1 FROM of, generate_series(1, 1001) n)
    INSERT INTO cloudep.members (tenant_id, uid, email, status) SELECT of.id, gen_random_uuid(), 'm' || n || '@example.com', 'active' FROM of, generate_series(1, 1001) n), slug => $large->{slug});
$whole = $ctl->json('export of many', qw(tenant export --slug), $large->{slug})->{tenant};
my %once = map { $_->{uid} => 1 } @{ $whole->{members} };
is_deeply([scalar @{ $whole->{members} }, scalar keys %once, scalar @{ $whole->{invites} }], [1001, 1001, 1002], 'has each of them once');
is(scalar @{ $ctl->json('a list', qw(member list --tenant), $large->{slug})->{members} }, 100, 'a list has a hundred');
is(scalar @{ $ctl->json('a longer list', qw(member list --limit 1000 --tenant), $large->{slug})->{members} }, 1000, 'and a thousand at most');
server->psql(q(DELETE FROM cloudep.members WHERE tenant_id = (SELECT id FROM cloudep.tenants WHERE slug = :'slug')), slug => $large->{slug});
$whole = $ctl->json('export', qw(tenant export), @slug)->{tenant};

# ---- what would be removed
($status, $printed) = $ctl->run(qw(tenant delete --json), @slug);
my $said = JSON::PP::decode_json($printed)->{tenant};
is_deeply([$status, @{$said}{qw(changed members invites)}], [7, JSON::PP::false, 2, 1], 'without --yes it counts, and removes nothing');
like(($ctl->run(qw(tenant delete), @slug))[1], qr/^tenant \Q$tenant->{slug}\E has 2 members, 1 invites, .* would be removed for good, with --yes$/, 'and says so');
is(server->value(q(SELECT login FROM cloudep.tenants WHERE slug = :'slug'), slug => $tenant->{slug}), 't', 'nothing is closed');

# ---- removed
($status, $printed) = $ctl->run(qw(tenant delete --yes), @slug);
is($status, 7, 'with --yes it waits for the members');
like($printed, qr/it is closed, and a running server removes the members; then run this again/, 'and says so');
is(server->value(q(SELECT concat_ws(' ', registration, login) FROM cloudep.tenants WHERE slug = :'slug'), slug => $tenant->{slug}),
    'f f', 'nobody registers or logs in meanwhile');
is($members[0]{client}->get('/api/v1/members/me')->status, 401, 'nobody is in any more');
ok(wait_until(90, sub { !server->value(q(SELECT count(*) FROM cloudep.members WHERE tenant_id = :'id'), id => $whole->{id}) }), 'the server removes them');
is($ctl->done('once more', qw(tenant delete --yes), @slug), "tenant $tenant->{slug} removed\n", 'removes the tenant');
$ctl->fails(6, qr/no tenant/, 'it is gone', qw(tenant show), @slug);
my @left = grep { server->value("SELECT count(*) FROM cloudep.$_ WHERE tenant_id = :'id'", id => $whole->{id}) }
    split /\n/, server->value(q(SELECT string_agg(table_name, E'\n') FROM information_schema.columns WHERE table_schema = 'cloudep' AND column_name = 'tenant_id'));
is("@left", '', 'and left nothing in any table');
outcome($stranger->{client}->get('/api/v1/members/me'), 200, 102000, 'the neighbour is as it was');
finish();
