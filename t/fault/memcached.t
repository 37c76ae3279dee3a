# memcached in messages: a list that cannot work is refused when httpd starts; one that is away is named once, with the cause.
use strict;
use warnings;
use CloudEP::Process qw(capture wait_until);
use CloudEP::Test;

my %mistakes = (
    'a port of letters' => '127.0.0.1:abc', 'no host' => ':11211', 'port 0' => '127.0.0.1:0', 'a port too high' => '127.0.0.1:65536',
    'a port without a host' => '11211', 'a port left empty' => 'localhost:', 'a URL' => 'memcached://localhost',
    'an IPv6 address without brackets' => '::1', 'a list with a comma' => '127.0.0.1,127.0.0.2',
    'the second of two' => '127.0.0.1:11211 127.0.0.1:abc',
);
for my $mistake (sort keys %mistakes) {
    like(own_server(values => { CloudEPMemcacheServer => $mistakes{$mistake} })->refuses_to_start,
        qr/CE1: memcached: CloudEPMemcacheServer \S+: write host, host:port/, "$mistake is refused at start");
}
SKIP: {
    # No address (2), as distinct from a resolver that is away: then nothing can be said about a name.
    skip 'no resolver says that a name does not exist', 1 if (capture(undef, qw(getent ahosts no.such.host.invalid)))[0] != 2
        || capture(undef, $^X, '-MSocket=getaddrinfo,EAI_NONAME', '-e',
        'exit((getaddrinfo("no.such.host.invalid", "1"))[0] + 0 != EAI_NONAME)');
    like(own_server(values => { CloudEPMemcacheServer => 'no.such.host.invalid' })->refuses_to_start,
        qr/CE1: memcached: CloudEPMemcacheServer no\.such\.host\.invalid: this name leads to no address \(.*name an address/,
        'a name that does not exist is refused at start');
}

# ---- one that is away
my $memcached = own_memcached();
my $server = own_server(memcached => $memcached, values => { CloudEPIssuer => server()->url, CloudEPMemcacheTimeout => 200 },
    with => ['StartServers 1', 'ServerLimit 1', 'MaxRequestWorkers 32', 'MinSpareThreads 1', 'MaxSpareThreads 32'])->start;
my $address = $memcached->address;
my $client = client(server => $server)->with(watch => undef);
my @look_up = ('POST', '/api/v1/auth/register/confirm', { tenant_slug => tenant()->{slug}, challenge_id => 'A' x 22, code => '000000' });
my ($outages, $returns) = (0, 0);
sub lines_of { my ($id) = @_; return $server->log =~ /(\(?[^\]\n]*CE$id: .*)/g }

for my $way (['stop', 'start', qr/CE1244: memcached \Q$address\E \(CloudEPMemcacheServer\) cannot be asked: Connection refused/, 'refuses connections'],
    ['freeze', 'thaw', qr/CE1244: memcached \Q$address\E .*no answer within CloudEPMemcacheTimeout/, 'does not answer']) {
    my ($away, $back, $said, $name) = @$way;
    is($client->post(@look_up[1, 2])->status, 404, "memcached answers before it $name");
    $memcached->$away;
    my @answers = map { $client->parallel((\@look_up) x 10) } 1 .. 3;
    is(scalar(grep { $_->status == 500 } @answers), 30, "while it $name requests are told 500");
    my @told = lines_of(1244);
    is(scalar @told, ++$outages, "that it $name is told once, not for each request");
    like($told[-1], $said, "that it $name is told with server, directive and cause");
    $memcached->$back;
    ok(wait_until(20, sub { $client->post(@look_up[1, 2])->status == 404 }), "it is found again after it $name");
    @told = lines_of(1245);
    is(scalar @told, ++$returns, "and that is told once");
}

expect_log(qr/CE101: .* failed \(memcached\)|CE1244: /);
finish();
