# A node whose clock is wrong says so, once for each child, by the database's clock.
use strict;
use warnings;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;

my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';
plan(skip_all => 'a sanitizer has the place of faketime') if $ENV{CLOUDEP_SANITIZE};

sub server_at {
    my ($clock) = @_;
    local @ENV{qw(LD_PRELOAD FAKETIME DONT_FAKE_MONOTONIC)} = ($library, $clock, 1);
    return own_server(values => { CloudEPSweepInterval => 1, CloudEPIssuer => server()->url },
        with => ['StartServers 1', '<Location /fresh>', 'AuthType CloudEP', 'AuthName x', 'Require cloudep-fresh 300', '</Location>',
            '<Location /health>', 'CloudEPServe health', 'Require all granted', '</Location>'])->start;
}

my $ahead = server_at('+600s');
ok(wait_until(30, sub { $ahead->log =~ /CE1306/ }), 'a clock ten minutes ahead is told');
like($ahead->log, qr/cloudep:warn.*CE1306: this machine's clock is (?:599|600|601) s ahead of that of the database, more than CloudEPClockLeeway \(5 s\): .*NTP/,
    'with the difference, the limit and what to do');
my $health = client(server => $ahead, watch => undef)->get('/health/ready');
is_deeply([$health->status, @{ $health->json->{checks}{clock}[0] }{qw(status output)}],
    [200, 'warn', "this machine's clock and that of the database differ by more than CloudEPClockLeeway"], 'and of /ready, which goes on');
is(client(server => $ahead, watch => undef, token => register_member()->{access})->get('/fresh')->status, 404, 'a login is fresh there, too: the database says when it was and when now is');
my $behind = server_at('-30s');
ok(wait_until(30, sub { $behind->log =~ /CE1306/ }), 'a clock behind is told');
like($behind->log, qr/this machine's clock is (?:29|30|31) s behind that of the database/, 'as such');

# What others sweep shows that a second comparison would have come.
my $right = own_server(values => { CloudEPSweepInterval => 1 }, with => ['StartServers 1'])->start;
my $swept = sub { $_[0]->value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'cloudep%'") };
ok(wait_until(30, sub { $swept->($right) > 0 }), 'a server with a right clock has its connections');
$_->stop for $ahead, $behind, $right;
my @told = $ahead->log =~ /CE1306/g;
cmp_ok(scalar @told, '<=', 2, 'a child tells it once');    # a second child may have been started for the load
unlike($right->log, qr/CE1306/, 'a right clock is not told');

finish();
