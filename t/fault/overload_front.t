# What doc/operations.md puts in front of a node against overload: HAProxy, by the very text there. Who finds the node busy
# is told so in the node's own words, in the time that the text names, and those who were let through get their answers.
use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Httpd;
use CloudEP::Load qw(judge);
use CloudEP::Process qw(alive free_port signal_all slurp spawn spew wait_until);
use CloudEP::Test;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

my $server = own_server()->start;
my $member = register_member(server => $server);
my ($port, $dir, $node) = (free_port(), CloudEP::Test::own_folder('haproxy'), '127.0.0.1:' . $server->port);
my ($conf) = slurp(CloudEP::Httpd::top() . '/doc/operations.md') =~ /^```haproxy\n(.*?)^```$/ms
    or die 'doc/operations.md has no HAProxy example';
my ($wait) = $conf =~ /^    timeout queue (\d+)ms$/m or die 'the example says nothing of the queue';
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
sleep 1; # for those two to be there
my $began = time;
my @refused = $client->parallel((['GET', '/api/v1/members/me']) x 3);
my $took = time - $began;
outcome($_, 503, 10603000, 'who finds it busy is told so, in an envelope') for @refused;
cmp_ok($took, '<', $wait / 1000 + 1, 'as early as the example says');
signal_all(CONT => $server->pid);
my $sum = $load->end;
is($sum->{answered}, 2, 'and those who were let through get their answers') or diag(explain $sum);
outcome($client->get('/api/v1/members/me'), 200, 102000, 'as does who comes back');

finish();
