# Forward auth with a real nginx, configured by the very text of doc/guard.md: only the addresses are put in.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Process qw(spawn alive wait_until free_port slurp spew);
use CloudEP::Client;
use CloudEP::Httpd;
use CloudEP::Test;
use File::Path qw(make_path);
use IO::Socket::INET;

my $tenant = tenant();
my $member = register_member(tenant => $tenant);
my $stranger = register_member(tenant => tenant());

my $backend = CloudEP::Backend->start;
my $dir = "$ENV{CLOUDEP_VAR}/test/own/$$.nginx";
make_path("$dir/temp");
my $port = free_port();
my ($server) = slurp(CloudEP::Httpd::top() . '/doc/guard.md') =~ /^```nginx\n(.*?)^```$/ms or die 'doc/guard.md has no nginx example';
my $node = server()->url;
my %replaced = (
    'listen 443 ssl;' => "listen 127.0.0.1:$port;",
    'https://id.example.com/' => "$node/",
    'http://127.0.0.1:3000;' => $backend->url =~ s{/$}{;}r,
    'verify?tenant=acme' => "verify?tenant=$tenant->{slug}",
);
for my $text (sort keys %replaced) {
    $server =~ s/\Q$text\E/$replaced{$text}/ or die "the example has no $text";
}
$server =~ s/^\s*(?:proxy_)?ssl_\w+\s.*\n//mg;    # no certificates here
spew("$dir/nginx.conf", <<"CONF");
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log $dir/error.log info;
events {}
http {
    access_log off;
@{[map { "    ${_}_temp_path $dir/temp;\n" } qw(client_body proxy fastcgi uwsgi scgi)]}
$server
}
CONF
my ($program) = grep { -x } map { "$_/nginx" } qw(/usr/sbin /usr/local/sbin /usr/bin);
my $nginx = spawn("$dir/console", {}, $program // 'nginx', '-p', $dir, '-e', "$dir/error.log", '-c', "$dir/nginx.conf");
END {
    local $?;
    CloudEP::Process::finish($nginx, 'QUIT') if $nginx;
}
my $up = wait_until(20, sub {
    alive($nginx) or die 'nginx did not start: ', slurp("$dir/console"), eval { slurp("$dir/error.log") } // '', "\n";
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
});
ok($up, 'nginx takes the example');

sub page {
    my ($who, $method, @headers) = @_;
    return CloudEP::Client->new(port => $port, token => $who ? $who->{access} : undef)
        ->request($method, '/some/page', $method eq 'POST' ? { a => 1 } : undef, @headers);
}

my $through = page($member, 'GET', map { $_ => 'admin' } qw(X-CloudEP-UID x-cloudep-amr X_CloudEP_Session X.CloudEP.UID));
is($through->status, 200, 'a live session gets through');
like($through->body, qr{^GET /some/page }, 'to the page it asked for');
like($through->body, qr/^X-CloudEP-UID: \Q$member->{uid}\E\r$/mi, 'the backend learns the uid');
like($through->body, qr/^X-CloudEP-Tenant: \Q$tenant->{slug}\E\r$/mi, 'the tenant');
like($through->body, qr/^X-CloudEP-Session: [0-9a-f-]{36}\r$/mi, 'the session');
like($through->body, qr/^X-CloudEP-AMR: otp\r$/mi, 'and how it was authenticated');
unlike($through->body, qr/admin/, 'what the client says of itself is gone');
is(page($member, 'POST')->status, 200, 'another method gets through, body and all');

my $nobody = page(undef, 'GET');
is($nobody->status, 401, 'no token');
like($nobody->header('WWW-Authenticate') // '', qr/^Bearer\b/, 'is challenged');
is(page({ access => 'x.y.z' }, 'GET')->status, 401, 'a bad token');
is(page($stranger, 'GET')->status, 403, 'another tenant');
is(client(token => $member->{access})->post('/api/v1/auth/logout', undef)->status, 200, 'after a logout');
is(page($member, 'GET')->status, 401, 'the next request is refused');

CloudEP::Process::finish($nginx, 'QUIT');
undef $nginx;
finish();
