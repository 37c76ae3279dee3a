# Forward auth with a real HAProxy, configured by the very texts of doc/guard.md: only the addresses are put in.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Edge;
use CloudEP::Process qw(free_port spew);
use CloudEP::Test;

my $node = asked_node();
my $tenant = tenant(server => $node);
my $backend = CloudEP::Backend->start;

# HAProxy with the documents' texts, running.
sub haproxy {
    my ($url) = @_;
    my $port = free_port();
    my $dir = CloudEP::Test::own_folder('haproxy');
    spew("$dir/cloudep.lua", example('lua'));
    spew("$dir/haproxy.cfg", example('haproxy',
            '/etc/haproxy/cloudep.lua' => "$dir/cloudep.lua", 'bind :443 ssl crt /etc/haproxy/app.example.com.pem' => "bind 127.0.0.1:$port",
            'https://id.example.com/' => "$url/",
            'id.example.com:443 check ssl sni str(id.example.com) check-sni id.example.com verify required ca-file @system-ca' => '127.0.0.1:' . $node->port . ' check', '127.0.0.1:3000' => $backend->url =~ s{^http://|/$}{}gr, 'verify?tenant=acme&' => "verify?tenant=$tenant->{slug}&",
            'timeout client 30s' => 'timeout client 1s'));    # not to wait for it where a request keeps its connection
    return CloudEP::Test::keep(CloudEP::Edge->new(program => 'haproxy', arguments => ['-db', '-f', "$dir/haproxy.cfg"],
            port => $port, dir => $dir));
}

my $edge = haproxy($node->url);
guards($edge, $tenant);
leads_people($edge, $tenant);
is(haproxy('http://127.0.0.1:' . free_port())->page(register_member(tenant => $tenant), 'GET')->status, 503,
    'where nobody can be asked, nobody gets through');

finish();
