# Forward auth with a real HAProxy, configured by the very texts of doc/guard.md: only the addresses are put in.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Client;
use CloudEP::Httpd;
use CloudEP::Process qw(spawn alive wait_until free_port slurp spew);
use CloudEP::Test;
use IO::Socket::INET;

my $tenant = tenant();
my $member = register_member(tenant => $tenant);
my $stranger = register_member(tenant => tenant());
my $backend = CloudEP::Backend->start;
my $dir = CloudEP::Test::own_folder('haproxy');
my $guide = slurp(CloudEP::Httpd::top() . '/doc/guard.md');

# HAProxy with the documents' texts; returns its port and its process.
my @running;
sub haproxy {
    my ($name, $node) = @_;
    my $port = free_port();
    my ($lua) = $guide =~ /^```lua\n(.*?)^```$/ms or die 'doc/guard.md has no Lua';
    my ($conf) = $guide =~ /^```haproxy\n(.*?)^```$/ms or die 'doc/guard.md has no HAProxy example';
    my %replaced = (
        '/etc/haproxy/cloudep.lua' => "$dir/$name.lua", 'bind :443 ssl crt /etc/haproxy/app.example.com.pem' => "bind 127.0.0.1:$port",
        'https://id.example.com/' => "$node/", '127.0.0.1:3000' => $backend->url =~ s{^http://|/$}{}gr, 'verify?tenant=acme' => "verify?tenant=$tenant->{slug}",
        'timeout client 30s' => 'timeout client 1s',    # not to wait for it where a request keeps its connection
    );
    for my $text (sort keys %replaced) {
        $conf =~ s/\Q$text\E/$replaced{$text}/ or die "the example has no $text";
    }
    spew("$dir/$name.lua", $lua);
    spew("$dir/$name.cfg", $conf);
    my ($program) = grep { -x } map { "$_/haproxy" } qw(/usr/sbin /usr/local/sbin /usr/bin);
    push @running, my $pid = spawn("$dir/$name.console", {}, $program // 'haproxy', '-db', '-f', "$dir/$name.cfg");
    my $up = wait_until(20, sub {
        alive($pid) or die 'HAProxy did not start: ', slurp("$dir/$name.console"), "\n";
        return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
    });
    ok($up, "HAProxy takes the examples ($name)");
    return $port;
}
END {
    local $?;
    CloudEP::Process::finish($_, 'TERM') for splice @running;
}
my $port = haproxy('working', server()->url);

sub page {
    my ($who, $method, @headers) = @_;
    return CloudEP::Client->new(port => $port, token => $who ? $who->{access} : undef)
        ->request($method, '/some/page', $method eq 'POST' ? { a => 1 } : undef, @headers);
}

my @IDENTITY = qw(X-CloudEP-UID X-CloudEP-Tenant X-CloudEP-Session X-CloudEP-AMR);
my $through = page($member, 'GET', map { $_ => 'admin' } @IDENTITY, (map { s/-/_/gr } @IDENTITY), (map { lc s/-/./gr } @IDENTITY), 'X_CloudEP-UID', 'X-Cloudep_Uid');
is($through->status, 200, 'a live session gets through');
like($through->body, qr{^GET /some/page }, 'to the page it asked for');
like($through->body, qr/^X-CloudEP-UID: \Q$member->{uid}\E\r$/mi, 'the backend learns the uid');
like($through->body, qr/^X-CloudEP-Tenant: \Q$tenant->{slug}\E\r$/mi, 'the tenant');
like($through->body, qr/^X-CloudEP-Session: [0-9a-f-]{36}\r$/mi, 'the session');
like($through->body, qr/^X-CloudEP-AMR: otp\r$/mi, 'and how it was authenticated');
unlike($through->body, qr/admin/, 'what the client says of itself is gone, however it is spelt');
like(page($member, 'GET', Connection => 'close, X-CloudEP-UID')->body, qr/^X-CloudEP-UID: \Q$member->{uid}\E\r$/mi, 'nor can it take the uid away');
is(page($member, 'POST')->status, 200, 'another method gets through, body and all');

my $nobody = page(undef, 'GET', map { $_ => 'admin' } @IDENTITY);
is($nobody->status, 401, 'no token');
like($nobody->header('WWW-Authenticate') // '', qr/^Bearer realm="CloudEP"$/, 'is challenged');
my $bad = page({ access => 'x.y.z' }, 'GET');
is($bad->status, 401, 'a bad token');
like($bad->header('WWW-Authenticate') // '', qr/error="invalid_token"/, 'is challenged');
is(page($stranger, 'GET')->status, 403, 'another tenant');
is(client(token => $member->{access})->post('/api/v1/auth/logout', undef)->status, 200, 'after a logout');
is(page($member, 'GET')->status, 401, 'the next request is refused');

$port = haproxy('broken', 'http://127.0.0.1:' . free_port());
is(page($stranger, 'GET')->status, 503, 'where nobody can be asked, nobody gets through');

finish();
