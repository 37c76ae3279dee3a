# Load balancers that ask a node whether it is ready, by the very texts of doc/operations.md: a node that is not gets no requests.
use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Edge;
use CloudEP::Httpd;
use CloudEP::Process qw(free_port slurp spew wait_until);
use CloudEP::Test;

# Two nodes on one database, each with a memcached of its own, so that one alone can lose what it depends on.
my $pg = own_postgres();
my @memcached = map { own_memcached() } 1, 2;
my @nodes = map { own_server(pg => $pg, memcached => $memcached[$_], with => ["Header always set X-Node node$_"])->start } 0, 1;
my @addresses = map { '127.0.0.1:' . $_->port } @nodes;
my ($health) = slurp(CloudEP::Httpd::top() . '/doc/operations.md') =~ /^## Health\n(.*?)^## /ms;

# The first example in that language, with the nodes' addresses and a port of its own.
sub example_in {
    my ($language, $port, $listen, $listens) = @_;
    my ($text) = $health =~ /^```$language\n(.*?)^```$/ms or die "no example in $language";
    $text =~ s/\Q$listen\E/$listens$port/ or die "no $listen";
    $text =~ s/10\.0\.0\.1@{[$_ + 1]}:80/$addresses[$_]/g or die "no node $_" for 0, 1;
    return $text;
}

sub nodes_seen {
    my ($client) = @_;
    my %seen;
    for (1 .. 8) {
        my $answer = $client->get('/.well-known/jwks.json');
        $seen{ ($answer->header('X-Node') // '') . ' ' . $answer->status }++;
    }
    return join ', ', sort keys %seen;
}

sub becomes {
    my ($client, $expected, $name) = @_;
    my $last;
    wait_until(30, sub { ($last = nodes_seen($client)) eq $expected });
    is($last, $expected, $name);
}

subtest 'HAProxy' => sub {
    my ($port, $dir) = (free_port(), CloudEP::Test::own_folder('haproxy'));
    spew("$dir/haproxy.cfg", example_in('haproxy', $port, 'bind :443 ssl crt /etc/haproxy/id.example.com.pem', 'bind 127.0.0.1:'));
    CloudEP::Test::keep(CloudEP::Edge->new(program => 'haproxy', arguments => ['-db', '-f', "$dir/haproxy.cfg"], port => $port, dir => $dir));
    my $client = CloudEP::Client->new(port => $port);
    becomes($client, 'node0 200, node1 200', 'both serve');
    $memcached[0]->stop;
    becomes($client, 'node1 200', 'the one without memcached is out, though it answers');
    $memcached[1]->stop;
    becomes($client, ' 503', 'where none is ready HAProxy answers');
    is($client->get('/x')->{json}{reason}, 'overloaded', 'in the words of the API');
    $_->start for @memcached;
    becomes($client, 'node0 200, node1 200', 'both are back');
};

subtest 'nginx' => sub {
    my ($port, $dir) = (free_port(), CloudEP::Test::own_folder('nginx'));
    my $text = example_in('nginx', $port, 'listen 443 ssl', 'listen 127.0.0.1:');
    spew("$dir/nginx.conf", "daemon off;\npid $dir/pid;\nerror_log $dir/error.log;\nevents {}\nhttp {\naccess_log off;\n"
            . join('', map { "${_}_temp_path $dir/$_;\n" } qw(client_body proxy fastcgi uwsgi scgi)) . "$text}\n");
    CloudEP::Test::keep(CloudEP::Edge->new(program => 'nginx', arguments => ['-e', "$dir/error.log", '-p', $dir, '-c', "$dir/nginx.conf"], port => $port, dir => $dir));
    my $client = CloudEP::Client->new(port => $port);
    becomes($client, 'node0 200, node1 200', 'both serve');
    is($client->get("/node$_/ready")->status, 200, "node $_ is ready") for 1, 2;
    $memcached[1]->stop;
    ok(wait_until(30, sub { $client->get('/node2/ready')->status == 503 }), 'whoever watches the nodes is told which one is not');
    $memcached[1]->start;
    $nodes[0]->stop;
    becomes($client, 'node1 200', 'a node that does not answer is out');
    $nodes[0]->start;
};

expect_log(qr/CE124[45]: /);
finish();
