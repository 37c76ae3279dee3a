# Forward auth with a real nginx, configured by the very text of doc/guard.md: only the addresses are put in.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Edge;
use CloudEP::Process qw(free_port spew);
use CloudEP::Test;
use File::Path qw(make_path);

my $node = asked_node();
my $tenant = tenant(server => $node);
my $backend = CloudEP::Backend->start;
my $dir = CloudEP::Test::own_folder('nginx');
make_path("$dir/temp");
my $port = free_port();
my $server = example('nginx',
    'listen 443 ssl;' => "listen 127.0.0.1:$port;", 'https://id.example.com' => $node->url,
    'http://127.0.0.1:3000;' => $backend->url =~ s{/$}{;}r, 'verify?tenant=acme&' => "verify?tenant=$tenant->{slug}&");
$server =~ s/^\s*(?:proxy_)?ssl_\w+\s.*\n//mg;    # no certificates here
spew("$dir/nginx.conf", <<"CONF");
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log stderr info;
events {}
http {
    access_log off;
@{[map { "    ${_}_temp_path $dir/temp;\n" } qw(client_body proxy fastcgi uwsgi scgi)]}
$server
}
CONF
my $edge = CloudEP::Test::keep(CloudEP::Edge->new(program => 'nginx', arguments => ['-p', $dir, '-e', 'stderr', '-c', "$dir/nginx.conf"],
        port => $port, dir => $dir));
guards($edge, $tenant);
leads_people($edge, $tenant);


finish();
