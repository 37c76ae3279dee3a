# What stands behind a guard that the session cookie opens: a static site, CGI, a proxied application, a WebSocket and a stream of
# server-sent events. Each works, is told who it is, gets no cookie of ours, and is closed to everybody else.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Browser;
use CloudEP::Httpd;
use CloudEP::Process qw(socket_folder spew);
use CloudEP::Test;
use Digest::SHA qw(sha1_base64);
use File::Path qw(make_path);
use IO::Select;

my $tenant = tenant();
my ($member, $stranger) = (register_member(tenant => $tenant), register_member(tenant => tenant()));

# An application that upgrades to a WebSocket, and sends back what comes; streams an event, and another one once somebody has asked
# for /go; and shows what it was asked.
my ($wait, $go);
pipe $wait, $go or die $!;
my $backend = CloudEP::Backend->start(undef, sub {
        my ($peer, $head) = @_;
        if ($head =~ /^Sec-WebSocket-Key: (\S+)/mi) {
            my $accept = sha1_base64("${1}258EAFA5-E914-47DA-95CA-C5AB0DC85B11") . '=';
            print $peer "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: $accept\r\nX-Head: "
                . unpack('H*', $head) . "\r\n\r\n";
            while (sysread $peer, my $bytes, 4096) { syswrite $peer, $bytes }
        }
        elsif ($head =~ m{^GET /events }) {
            print $peer "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\ndata: one\n\n";
            sysread $wait, my $byte, 1;
            print $peer "data: two\n\n";
        }
        else {
            print $peer "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n$head";
        }
});
my $to = $backend->url;

my @GUARD = ('AuthType CloudEP', 'AuthName x', 'AuthzSendForbiddenOnFailure On', 'CloudEPSessionCookie On', 'CloudEPLoginPage /login/', 'CloudEPIdentityHeaders On',
    "Require cloudep-tenant $tenant->{slug}");
my $server = own_server(values => { CloudEPIssuer => server()->url });
my $docs = "$server->{dir}/htdocs";
sub location { my ($path, @lines) = @_; return ("<Location $path>", @lines, '</Location>') }
$server->{with} = [
    CloudEP::Httpd::module('cgid'), 'ScriptSock ' . socket_folder($server->{dir}) . '/cgi.sock',
    location('/account/api/auth', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie', 'Require all granted'),
    "<Directory $docs/cgi>", 'Options +ExecCGI', 'AddHandler cgi-script .cgi', '</Directory>',
    location('/site', @GUARD, 'DirectoryIndex index.html'), location('/cgi', @GUARD),
    location('/app', @GUARD, "ProxyPass ${to}app"),
    location('/ws', @GUARD, "ProxyPass ${to}ws upgrade=websocket"), location('/events', @GUARD, "ProxyPass ${to}events flushpackets=on"),
];
make_path("$docs/site", "$docs/cgi");
spew("$docs/site/index.html", '<link rel=stylesheet href=style.css>');
spew("$docs/site/style.css", 'p{}');
spew("$docs/cgi/env.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nenv\n");
chmod 0755, "$docs/cgi/env.cgi";
$server->start;
my $client = client(server => $server, watch => undef);
my $HOST = "127.0.0.1:$server->{port}";

sub browser {
    my ($who) = @_;
    my $browser = CloudEP::Browser->new(client => $client);
    $browser->{jar}{theme} = 'dark';
    return $browser if !$who;
    $browser->get('/account/api/auth/xsrf');
    my $answer = $browser->post('/account/api/auth/login', { tenant_slug => $who->{slug}, email => $who->{email}, password => $who->{password} });
    $answer->status == 200 or die $answer->raw;
    return $browser;
}
my ($nobody, $one, $other) = map { browser($_) } undef, $member, $stranger;
my @OURS = map { $one->cookie($_) } qw(cloudep XSRF-TOKEN cloudep-visitor);

# What is told behind there: headers of a request as text, or an environment.
sub is_told {
    my ($text, $name) = @_;
    like($text, qr/^(?:X-CloudEP-UID: |CLOUDEP_UID=)\Q$member->{uid}\E\r?$/mi, "$name is told who it is");
    like($text, qr/^(?:Cookie: |HTTP_COOKIE=)theme=dark\r?$/mi, "$name gets the application's cookies, and none of ours");
    is_deeply([grep { index($text, $_) >= 0 } @OURS], [], "$name sees the value of none of ours anywhere");
}

# ---- static site, CGI, proxied application
for my $path (qw(/site/ /site/style.css /cgi/env.cgi /app/page)) {
    my @navigation = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document');
    is(join(' ', map { $_->get($path, @navigation)->status } $nobody, $one, $other), '303 200 403', "$path: nobody is sent to log in, a member reads, another tenant's does not");
    is(join(' ', map { $_->get($path, 'Sec-Fetch-Mode' => 'no-cors', 'Sec-Fetch-Dest' => 'style')->status } $nobody, $one, $other), '401 200 403', 'what a page fetches is refused');
    is($one->get($path)->header('Cache-Control'), 'private', 'and is kept by nobody else');
}
is($one->get('/site/style.css', 'If-None-Match' => $one->get('/site/style.css')->header('ETag'))->status, 304, 'a file that a browser has is not sent again');
is($one->get('/site/style.css', Range => 'bytes=0-1')->status, 206, 'and a part of one is');
is($nobody->get('/site', 'Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document')->header('Location'), '/login/?return_to=' . ("http://$HOST/site" =~ s/([:\/])/sprintf '%%%02X', ord $1/ger),
    'a folder without its slash is no way in');
is_told($one->get('/cgi/env.cgi')->body, 'a script');
like($one->get('/cgi/env.cgi')->body, qr/^REMOTE_USER=\Q$member->{uid}\E$/m, 'as REMOTE_USER, too');
is_told($one->get('/app/page')->body, 'an application');
is_told($one->post('/app/save', { a => 1 }, 'X-XSRF-TOKEN' => undef)->body, 'an application that is posted to');

# ---- a WebSocket: frames go both ways, as they are
sub handshake {
    my ($browser, @headers) = @_;
    my $socket = $client->connection;
    my %headers = ($browser->headers('GET'), Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-Fetch-Mode' => 'websocket', Origin => "http://$HOST", @headers);
    CloudEP::Client::send_all($socket, "GET /ws HTTP/1.1\r\n" . join('', map { "$_: $headers{$_}\r\n" } grep { defined $headers{$_} } sort keys %headers) . "\r\n", time + 60);
    return ($socket, received($socket, qr/\r\n\r\n/));
}

# What comes until it has that in it, or the other side closes.
sub received {
    my ($socket, $until) = @_;
    my $bytes = '';
    while ($bytes !~ $until) {
        IO::Select->new($socket)->can_read(60) or die "nothing more came after: $bytes\n";
        sysread $socket, $bytes, 65536, length $bytes or last;
    }
    return $bytes;
}
my ($socket, $head) = handshake($one);
like($head, qr{\AHTTP/1\.1 101 .*^Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$}msi, 'a WebSocket of the own host is opened');
is_told(pack('H*', $head =~ /^X-Head: (\w+)/mi), 'a WebSocket');
my $frame = "\x81\x85" . "\1\2\3\4" . ('hello' ^ "\1\2\3\4\1");
CloudEP::Client::send_all($socket, $frame, time + 60);
is(received($socket, qr/\Q$frame\E/s), $frame, 'a frame goes through and one comes back');
for my $case (['nobody', $nobody, 401], ['another tenant', $other, 403], ['a page of another site', $one, 401, Origin => 'https://evil.example'], ['what names no Origin', $one, 401, Origin => undef]) {
    my ($name, $browser, $status, @headers) = @$case;
    my (undef, $answer) = handshake($browser, @headers);
    like($answer, qr{\AHTTP/1\.1 $status }, "none for $name");
}

# ---- server-sent events: each when it comes
my $stream = $client->connection;
my %headers = ($one->headers('GET'), Accept => 'text/event-stream', 'Sec-Fetch-Mode' => 'cors', Connection => 'close');
CloudEP::Client::send_all($stream, "GET /events HTTP/1.1\r\n" . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers) . "\r\n", time + 60);
my $events = received($stream, qr/data: one\n/);
like($events, qr{\AHTTP/1\.1 200 .*^Content-Type: text/event-stream}ms, 'a stream of events begins before it ends');
like($events, qr/^Cache-Control: private, no-cache\r$/mi, 'and nobody else keeps it');
unlike($events, qr/two/, 'with the first event');
syswrite $go, 'x' or die $!;
like(received($stream, qr/data: two\n/), qr/data: two\n/, 'the next one comes when it is there');
is($_->get('/events', Accept => 'text/event-stream', 'Sec-Fetch-Mode' => 'cors')->status, $_ == $nobody ? 401 : 403, 'none for others') for $nobody, $other;

# ---- the end of the session
is($one->post('/account/api/auth/logout')->status, 200, 'a logout');
CloudEP::Client::send_all($socket, $frame, time + 60);
is(received($socket, qr/\Q$frame\E/s), $frame, 'what is open stays open');
$one->{jar}{cloudep} = $OURS[0];
like((handshake($one))[1], qr{\AHTTP/1\.1 401 }, 'a new WebSocket is refused');
is($one->get($_, Accept => '*/*')->status, 401, "and $_") for qw(/site/ /cgi/env.cgi /app/page /events);
close $socket;

expect_log(qr/AH01631/);
finish();
