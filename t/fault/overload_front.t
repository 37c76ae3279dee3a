# What doc/operations.md puts in front of a node against overload: HAProxy, by the very text there. Who finds the node busy
# is told so in the node's own words, and those who were let through get their answers.
use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Httpd;
use CloudEP::Load qw(judge);
use CloudEP::Process qw(alive free_port signal_all slurp spawn spew wait_until);
use CloudEP::Test;
use IO::Socket::INET;
use Time::HiRes qw(sleep);

my $server = own_server()->start;
my $member = register_member(server => $server);
my ($port, $dir, $node) = (free_port(), CloudEP::Test::own_folder('haproxy'), '127.0.0.1:' . $server->port);
my ($conf) = slurp(CloudEP::Httpd::top() . '/doc/operations.md') =~ /^```haproxy\n(.*?)^```$/ms
    or die 'doc/operations.md has no HAProxy example';
$conf =~ /^    timeout queue \d+ms$/m or die 'the example says nothing of the queue';
for ([qr/bind :443 ssl.*/, "bind 127.0.0.1:$port"], [qr/10\.0\.0\.11:80 maxconn \d+/, "$node maxconn 2"]) {
    my ($text, $replacement) = @$_;
    $conf =~ s/$text/$replacement/ or die "the example has no $text";
}
spew("$dir/haproxy.cfg", $conf);
my ($program) = grep { -x } map { "$_/haproxy" } qw(/usr/sbin /usr/local/sbin /usr/bin);
my $haproxy = spawn("$dir/console", {}, $program // 'haproxy', '-db', '-f', "$dir/haproxy.cfg");
END {
    local $?;
    CloudEP::Process::finish($haproxy, 'TERM') if $haproxy;
}
ok(wait_until(20, sub {
            alive($haproxy) or die 'HAProxy did not start: ', slurp("$dir/console"), "\n";
            return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
}), 'HAProxy takes the example') or diag(slurp("$dir/console"));

my $client = CloudEP::Client->new(port => $port, token => $member->{access});
outcome($client->get('/api/v1/members/me'), 200, 102000, 'a node that is not busy answers');

# How many connections to the node hold bytes that nobody has read: of a stopped node, the requests that were sent to it.
sub waiting_requests {
    my $local = sprintf ':%04X', $server->port;
    my @sockets = map { [(split)[1, 3, 4]] } split /\n/, slurp('/proc/net/tcp');
    my $established = '01';
    return scalar grep { my ($address, $state, $queues) = @$_; $address =~ /$local$/ && $state eq $established && $queues !~ /:0+$/ } @sockets;
}

# A node that is as busy as can be.
signal_all(STOP => $server->pid);
my $load = CloudEP::Load->new($server->{dir});
for my $number (1, 2) {
    my $sent = 0;
    $load->start($number => sub {
            my ($count) = @_;
            return sleep 0.02 if $sent++;
            judge($count, $client->get('/api/v1/members/me'));
    });
}
ok(wait_until(30, sub { waiting_requests() == 2 }), 'two requests wait in the node');
my @refused = $client->parallel((['GET', '/api/v1/members/me']) x 3);
outcome($_, 503, 10603000, 'whoever finds the node busy is told so in an envelope, while the two wait') for @refused;
signal_all(CONT => $server->pid);
my $sum = $load->end;
is($sum->{answered}, 2, 'and those who were let through get their answers') or diag(explain $sum);
outcome($client->get('/api/v1/members/me'), 200, 102000, 'as does who comes back');

finish();
