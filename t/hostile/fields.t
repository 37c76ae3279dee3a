# Every field of every operation with everything that is not meant for it. The cases are made from the operation tables.
use strict;
use warnings;
use CloudEP::Hostile qw(server_and_peer operations cases_of other_bodies judge);
use CloudEP::Test;

my ($server, $peer) = server_and_peer();
my $tenant = tenant(server => $server, uses => 100_000);
my $victim = register_member(server => $server, tenant => tenant(server => $server), display_name => 'Victoria Private');
my $member = register_member(server => $server, tenant => $tenant);
my @never = (@{$victim}{qw(uid email access refresh)}, 'Victoria Private', 'SQLSTATE', 'relation "',
    'ERROR:', $server->{dir});
my %given = (tenant_slug => $tenant->{slug}, invite_code => $tenant->{invite});

my %statuses;

# Sends cases and says which went wrong.
sub holds {
    my ($client, $name, @cases) = @_;
    my @wrong = judge({ client => $client, never => \@never, seen => \%statuses }, @cases);
    ok(!@wrong, $name) or diag(join "\n", @wrong[0 .. ($#wrong < 4 ? $#wrong : 4)], scalar(@wrong) . ' cases went wrong');
}

for my $operation (operations()) {
    my ($method, $path) = @{$operation}{qw(method path)};
    my $client = client(server => $server, token => $operation->{token} ? $member->{access} : undef, timeout => 120, watch => undef);
    holds($client, "$method $path: $_->{name}", cases_of($operation, $_, %given)) for @{ $operation->{fields} };

    # Never the logout of our member.
    holds($client, "$method $path: bodies that are no object", other_bodies($operation)) if $path !~ /logout$/;
}

my $cases = 0;
$cases += $_ for values %statuses;
diag("\n$cases hostile bodies and queries; answers: ", join ', ', map { "$statuses{$_} x $_" } sort keys %statuses);
cmp_ok($cases, '>', 3000, 'thousands of cases');
outcome($victim->{client}->get('/api/v1/members/me'), 200, 102000, 'the server lives, and so does its member');
is($server->value(q(SELECT count(*) FROM cloudep.members WHERE email LIKE '%eve@example.com%' OR email ~ '[[:cntrl:][:space:]]')), 0,
    'no address with a line end was stored');
$peer->stop;
finish();
