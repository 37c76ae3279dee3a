# Twenty graceful restarts under load, six under valgrind: no request is lost, and nothing is left over.
use strict;
use warnings;
use CloudEP::Load qw(judge);
use CloudEP::Process qw(slurp wait_until);
use CloudEP::Test;
use IO::Socket::INET;
use Time::HiRes qw(sleep);

my $valgrind = ($ENV{CLOUDEP_SANITIZE} // '') eq 'valgrind';
my $RESTARTS = $valgrind ? 6 : 20;
my $server = own_server(values => { CloudEPCodeCooldown => 0 })->start;
my $member = register_member(server => $server);
my $load = CloudEP::Load->new($server->{dir});

# A connection is kept for many requests. httpd may close it between two of them, and the client cannot know: a request
# that got not one byte back on a used connection is sent again on a new one (RFC 9110 9.2.2, RFC 9112 9.3.1).
sub keeping {
    my ($client) = @_;
    my ($socket, $used);
    my $bytes = $client->bytes(GET => '/api/v1/members/me', undef, Connection => undef, Authorization => "Bearer $member->{access}");
    return sub {
        my ($count) = @_;
        ($socket, $used) = (IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port, Timeout => 10), 0)
            unless $socket;
        return $count->{lost}++ unless $socket;
        local $SIG{PIPE} = 'IGNORE';
        syswrite $socket, $bytes;
        my $answer = '';
        while ($answer !~ /\r\n\r\n/ || length($') < (($answer =~ /^Content-Length: (\d+)/mi)[0] // 0)) {
            sysread($socket, $answer, 65536, length $answer) or last;
        }
        if ($answer eq '') {
            $count->{ $used ? 'retried' : 'lost' }++;
            $socket = undef;
            return;
        }
        $used = 1;
        $count->{ $answer =~ m{^HTTP/1\.1 200 .*"SUCCESS".*\}\z}s ? 'answered' : 'wrong' }++;
        $socket = undef if $answer =~ /^Connection: close/mi;
    };
}

# ---- what the parent and the children hold
sub children { return CloudEP::Process::children($server->pid) }
sub entries { my ($path) = @_; return scalar(() = glob "$path/*") }
sub held {
    my $pid = $server->pid;
    wait_until(30, sub { children() <= 3 });    # old generations have gone
    return { descriptors => entries("/proc/$pid/fd"), threads => entries("/proc/$pid/task"),
        memory => (slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m)[0] };
}

my $client = client(server => $server);
for my $number (1, 2) {
    my $new = $client->with(token => $member->{access}, watch => undef);
    $load->start("new.$number", sub { judge($_[0], $new->get('/api/v1/members/me')); sleep 0.005 * $number });
}
$load->start(login => sub { judge($_[0], login({ %$member, client => $client->with(watch => undef) })) });
$load->start(keep => keeping($client));
sleep 0.5;
$server->graceful for 1 .. 3;
my $before = held();
for (4 .. $RESTARTS) {
    $server->graceful;
    sleep 0.2 * rand;
}
my $after = held();
sleep 0.5;
my %sum = (retried => 0, %{ $load->end });
diag("\n$RESTARTS graceful restarts: ", join ', ', map { "$_ $sum{$_}" } sort keys %sum);
is($sum{lost}, 0, 'no request was lost');
is($sum{wrong}, 0, 'none was refused');
cmp_ok($sum{answered}, '>', 2 * $RESTARTS, 'there was a load');
is($after->{descriptors}, $before->{descriptors}, 'the parent holds no more descriptors than before');
is($after->{threads}, $before->{threads}, 'and no more threads');

# A leak of each restart shows in their number; the allocator's own waste does not. A sanitizer keeps what was freed.
cmp_ok($after->{memory}, '<', $before->{memory} + ($ENV{CLOUDEP_SANITIZE} ? 2048 : 64) * ($RESTARTS - 3),
    "and no memory that grows with each restart ($before->{memory}, $after->{memory} KiB)");
wait_until(20, sub { children() <= 3 });
cmp_ok(scalar(children()), '<=', 3, 'no child of an old generation is left');

expect_log(qr/AH03490/) if $valgrind;    # generations end more slowly than new ones come
finish();
