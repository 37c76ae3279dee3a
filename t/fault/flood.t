# A flood of made-up challenges: few rows and lines tell of it, with the number of requests, and a member logs in beside it.
# CLOUDEP_FLOOD=100000 is the long form. What it prints is measured, not judged.
use strict;
use warnings;
use CloudEP::Load qw(judge);
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use Time::HiRes qw(time);

my $FLOOD = $ENV{CLOUDEP_FLOOD} // 3000;
my $AT_ONCE = 50;
my $pg = own_postgres();
my $server = own_server(pg => $pg, values => { CloudEPSweepInterval => '1h', CloudEPEventRetention => '1d' })->start;
my $tenant = tenant(server => $server);
my $member = register_member(tenant => $tenant);
my $stranger = client(server => $server, address => '127.230.1.1');
my $confirm = ['POST', '/api/v1/auth/register/confirm', { tenant_slug => $tenant->{slug}, challenge_id => 'A' x 22, code => '123456' }];

my $rows = "cloudep.events WHERE name = 'auth.register.confirm' AND outcome <> '102000'";
my $bytes = sub { $pg->value("SELECT pg_total_relation_size('cloudep.events')") };
my ($log_before, $bytes_before, $began) = ($server->log_size, $bytes->(), time);

# ---- logins of a member at home, and of one at a place that is new each time, go on meanwhile
my $load = CloudEP::Load->new($server->{dir});
my $timed = sub {
    my ($count, $client) = @_;
    my $from = time;
    judge($count, $client->post('/api/v1/auth/login', { tenant_slug => $tenant->{slug}, email => $member->{email}, password => $member->{password} }));
    $count->{milliseconds} += int 1000 * (time - $from);
};
$load->start(home => sub { $timed->($_[0], $member->{client}->with(token => undef)) });
$load->start(new => sub { $timed->($_[0], $member->{client}->with(token => undef, address => '127.231.' . (1 + int rand 250) . '.' . (1 + int rand 250))) });

my %status;
for (1 .. $FLOOD / $AT_ONCE) {
    $status{ $_->status . ' ' . ($_->json->{reason} // '') }++ for $stranger->parallel(($confirm) x $AT_ONCE);
}
my $seconds = time - $began;
my $logins = $load->end;
is_deeply([sort keys %status], ['404 challenge_gone', '429 too_many_guesses'], 'the flood is told that there is nothing, then to wait') or diag(explain \%status);
cmp_ok($status{'404 challenge_gone'}, '<=', 50 + int $seconds, 'not many are looked up before the network has to wait');
is($logins->{wrong} + $logins->{lost}, 0, 'every login beside it succeeds');
cmp_ok($logins->{answered}, '>', 0, 'and there are some');

# ---- rows and lines: all requests are told, in few of them
ok(wait_until(20, sub { ($pg->value("SELECT sum(count) FROM $rows") // 0) == $FLOOD }), 'the rows tell of every request')
    or diag($pg->value("SELECT sum(count) FROM $rows"));
my $number = $pg->value("SELECT count(*) FROM $rows");
my $children = 4;    # that there may be at most
cmp_ok($number, '<=', 2 * $children * (2 + $seconds), 'in a row a second for each child and reason at most');
is($pg->value("SELECT count(*) FROM $rows AND count > 1 AND (address <> '127.230.1.1' OR uid IS NOT NULL)"), 0, 'of that network and of nobody');
my @lines = map { JSON::PP::decode_json($_) } $server->log($log_before) =~ /CE400: (\{.*"auth\.register\.confirm".*\})$/mg;
my $told = 0;
$told += $_->{count} // 1 for @lines;
is($told, $FLOOD, 'as do the lines of the log');
is(scalar @lines, $number, 'which are as many');
is($pg->value("SELECT string_agg(subject || ' ' || network, ' ') FROM cloudep.budgets"), 'challenge 127.230.1.1', 'one row counts for the network');
note(sprintf '%d requests in %.1f s: %d rows and lines, %d bytes of log, %d bytes of table; %d logins beside it, %.0f ms each',
    $FLOOD, $seconds, $number, $server->log_size - $log_before, $bytes->() - $bytes_before,
    $logins->{answered}, $logins->{milliseconds} / ($logins->{answered} || 1));

# ---- what is held is written when a child ends
$stranger->parallel(($confirm) x 40);
$server->stop;
is($pg->value("SELECT sum(count) FROM $rows"), $FLOOD + 40, 'an orderly stop loses none');

# ---- old ones are removed as fast as they come in, not some at each sweep
$pg->psql("INSERT INTO cloudep.events (tenant_id, at, name, outcome) SELECT id, now() - interval '2 days', 'old', '0' FROM cloudep.tenants,"
        . " generate_series(1, 9000) WHERE slug = :'slug'", slug => $tenant->{slug});
$server->start;
ok(wait_until(30, sub { !$pg->value("SELECT count(*) FROM cloudep.events WHERE name = 'old'") }), 'nine thousand old events go without a second sweep');

finish();
