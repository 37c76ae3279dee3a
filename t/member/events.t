# A member's history: what is told of an event, whose it is, and pages.
use strict;
use warnings;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;

my $path = '/api/v1/members/me/events';
my $server = server;
my $member = register_member();
my $client = $member->{client};

# The member's events once there are so many.
sub events {
    my ($count) = @_;
    wait_until(20, sub { $server->value("SELECT count(*) FROM cloudep.events WHERE uid = :'uid'", uid => $member->{uid}) >= $count });
    return $client->get("$path?limit=100")->data->{events};
}

my $agent = 'Mozilla/5.0 (tests)';
my $thief = client(address => '127.99.1.2');
$thief->post('/api/v1/auth/login', { tenant_slug => $member->{slug}, email => $member->{email}, password => 'not-the-password' },
    'User-Agent' => $agent);
my @events = @{ events(3) };
is_deeply([map { $_->{event} } @events], [qw(auth.login auth.register.confirm auth.register)], 'the newest is first');
my $failed = $events[0];
ok(abs(delete($failed->{at}) - 1000 * time) < 60_000, 'with its time in milliseconds');
like(delete $failed->{request_id}, qr/^[\w-]{22}$/, 'and the id of its request');
is_deeply($failed, { event => 'auth.login', success => JSON::PP::false, reason => 'credentials_wrong', method => 'pwd', count => 1,
        address => '127.99.1.2', user_agent => $agent }, 'somebody else\'s wrong password is told, with where it came from');
is_deeply([@{ $events[1] }{qw(success reason)}], [JSON::PP::true, undef], 'a success has no reason');
is_deeply([grep { $_->{event} =~ /members\.me\.events/ } @{ events(3) }], [], 'looking at it is no event');

# ---- whose

my $neighbour = register_member(tenant => $member->{tenant});
is_deeply([grep { $_->{event} eq 'auth.login' } @{ $neighbour->{client}->get($path)->data->{events} }], [],
    'another member is told nothing of it');
my $stranger = register_member(tenant => tenant());
$server->psql("INSERT INTO cloudep.events (tenant_id, name, outcome, uid) SELECT tenant_id, 'of.another.tenant', '1', :'uid'::uuid"
        . " FROM cloudep.members WHERE uid = :'stranger'", uid => $member->{uid}, stranger => $stranger->{uid});
is_deeply([grep { $_->{event} eq 'of.another.tenant' } @{ events(4) }], [], 'nor what another tenant has of that uid');

# ---- pages: stable while rows come, late ones and ones at the same instant included. Not too old: events are swept

$server->psql("INSERT INTO cloudep.events (tenant_id, at, name, outcome, uid) SELECT m.tenant_id, now() - interval '1 day'"
        . " + (n / 4) * interval '1 microsecond', 'test.' || n, '102000', m.uid"
        . " FROM cloudep.members m, generate_series(1, 40) n WHERE m.uid = :'uid'", uid => $member->{uid});
my @names = map { "test.$_" } reverse 1 .. 40;
my $page = outcome($client->get($path), 200, 102000, 'a page')->data;
is(scalar @{ $page->{events} }, 20, 'has twenty where nobody asks for another number');
my @seen = map { $_->{event} } @{ $page->{events} };
my $late = "INSERT INTO cloudep.events (tenant_id, at, name, outcome, uid) SELECT tenant_id, now() - :'age'::interval, 'late.' || :'age',"
    . " '102000', uid FROM cloudep.members WHERE uid = :'uid'";
$server->psql($late, uid => $member->{uid}, age => $_) for '0 days', '2 days';
$server->psql("DELETE FROM cloudep.events WHERE uid = :'uid' AND name IN ('test.40', 'test.1')", uid => $member->{uid});
while (my $cursor = $page->{next_cursor}) {
    $page = outcome($client->get("$path?limit=7&cursor=$cursor"), 200, 102000, 'the next page')->data;
    push @seen, map { $_->{event} } @{ $page->{events} };
}
is_deeply([grep { /^test/ } @seen], [grep { $_ ne 'test.1' } @names], 'all pages have each once, in order');
is_deeply([grep { /^late/ } @seen], ['late.2 days'], 'what came late where nobody has been is there, too');
outcome($client->get("$path?limit=$_"), 400, 10101000, "no page of $_") for 0, 101;
outcome($client->get("$path?cursor=$_"), 400, 10101000, "no cursor: $_")
    for 'x', $client->get('/api/v1/members/me/sessions?limit=1')->data->{next_cursor} // 'MS4y!';
outcome($client->with(token => undef)->get($path), 401, 29501000, 'it takes a token');

finish();
