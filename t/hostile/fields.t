# Every field of every operation with everything that is not meant for it. The cases are made from the operation tables.
use strict;
use warnings;
use CloudEP::Hostile qw(server_and_peer operations hostile_bodies hostile_queries faults);
use CloudEP::Test;

my ($server, $peer) = server_and_peer();
my $tenant = tenant(server => $server, uses => 100_000);
my $victim = register_member(server => $server, tenant => tenant(server => $server), display_name => 'Victoria Private');
my $member = register_member(server => $server, tenant => $tenant);
my @never = (@{$victim}{qw(uid email access refresh)}, 'Victoria Private', 'SQLSTATE', 'relation "',
    'ERROR:', $server->{dir});
my %given = (tenant_slug => $tenant->{slug}, invite_code => $tenant->{invite});

my ($cases, %statuses) = (0);

# Sends cases of [name, request...], some at a time, and says which went wrong.
sub judge {
    my ($client, $name, @cases) = @_;
    my @wrong;
    while (my @some = splice @cases, 0, 24) {
        my @answers = $client->parallel(map { $_->{request} } @some);
        for my $i (0 .. $#some) {
            my @faults = faults($answers[$i], $some[$i]{status}, @never);
            push @wrong, "$some[$i]{name}: @faults: " . substr($answers[$i]->raw, 0, 600) if @faults;
            $statuses{ $answers[$i]->status }++;
            $cases++;
        }
    }
    ok(!@wrong, $name) or diag(join "\n", @wrong[0 .. ($#wrong < 4 ? $#wrong : 4)], scalar(@wrong) . ' cases went wrong');
}

for my $operation (operations()) {
    my ($method, $path) = @{$operation}{qw(method path)};
    my $client = client(server => $server, token => $operation->{token} ? $member->{access} : undef, timeout => 120, watch => undef);
    for my $field (@{ $operation->{fields} }) {
        my @cases = $operation->{query}
            ? map { { name => $_->[0], status => $_->[2], request => [$method,
                    "$path?$_->[1]"] } } hostile_queries($operation, $field, %given)
            : $operation->{form}
            ? map { { name => $_->[0], status => $_->[2], request => [$method, $path, $_->[1],
                    'Content-Type' => 'application/x-www-form-urlencoded'] } } hostile_queries($operation, $field, %given)
            : map { { name => $_->[0], status => $_->[2], request => [$method, $path,
                    $_->[1]] } } hostile_bodies($operation, $field, %given);
        judge($client, "$method $path: $field->{name}", @cases);
    }

    # Bodies that are no object, for operations that read one and for those that do not; never the logout of our member.
    next if $path =~ /logout$/;
    my @bodies = ('', ' ', 'null', 'true', '0', '"x"', '[]', '[{}]', '{', '{}{}', "\0", "\xff", '[' x 15_000,
        '{"a":' x 3000, 'a=b&c=d', '<a/>', "\x1f\x8b\x08", '{"a":1' . ' ' x 16_000);
    judge($client, "$method $path: bodies that are no object", map { { name => substr($_, 0, 30),
                status => $operation->{form} ? 415 : @{ $operation->{fields} } && !$operation->{query} ? 400 : undef,
                request => [$method, $path, $_] } } @bodies);
}

diag("\n$cases hostile bodies and queries; answers: ", join ', ', map { "$statuses{$_} x $_" } sort keys %statuses);
cmp_ok($cases, '>', 3000, 'thousands of cases');
outcome($victim->{client}->get('/api/v1/members/me'), 200, 102000, 'the server lives, and so does its member');
is($server->value(q(SELECT count(*) FROM cloudep.members WHERE email LIKE '%eve@example.com%' OR email ~ '[[:cntrl:][:space:]]')), 0,
    'no address with a line end was stored');
$peer->stop;
finish();
