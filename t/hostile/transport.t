# Requests that are strange as HTTP: methods, paths, headers, lengths, chunks, connections, for every operation.
use strict;
use warnings;
use CloudEP::Hostile qw(server_and_peer operations faults responses);
use CloudEP::Test;
use MIME::Base64 ();
use Time::HiRes qw(sleep time);

my ($server, $peer) = server_and_peer(with => ['RequestReadTimeout header=3 body=3', 'KeepAliveTimeout 2']);
my $tenant = tenant(server => $server);
my $victim = register_member(server => $server, tenant => tenant(server => $server), display_name => 'Victoria Private');
my $member = register_member(server => $server, tenant => $tenant);
my @never = (@{$victim}{qw(uid email access refresh)}, 'Victoria Private', $server->{dir});
my $client = client(server => $server);
my @operations = operations();
my ($cases, %statuses) = (0);

# Sends cases of { name, bytes } at the same time and holds every answer on each connection to the envelope; "allowed" is
# the pattern of all statuses together, html says that httpd's own page is right there.
sub judge {
    my ($name, @cases) = @_;
    my @wrong;
    while (my @some = splice @cases, 0, 50) {
        my @raw = $client->exchange(map { $_->{bytes} } @some);
        for my $i (0 .. $#some) {
            my @answers = responses($raw[$i], $some[$i]{method} // 'POST', $some[$i]{path} // '/');
            my @faults = $some[$i]{html} ? () : map { faults($_, undef, @never) } @answers;
            my $statuses = join ' ', map { $_->status } @answers;
            $statuses{$_}++ for split / /, $statuses;
            push @faults, "answers '$statuses'" if "$statuses" !~ /^(?:$some[$i]{allowed})$/;
            push @faults, 'it tells about another' if grep { index($raw[$i], $_) >= 0 } @never;
            push @wrong, "$some[$i]{name}: @faults: " . substr($raw[$i], 0, 700) if @faults;
            $cases++;
        }
    }
    ok(!@wrong, $name) or diag(join "\n", @wrong[0 .. ($#wrong < 5 ? $#wrong : 5)], scalar(@wrong) . ' cases went wrong');
}

sub head {
    my ($method, $path, @lines) = @_;
    return join "\r\n", "$method $path HTTP/1.1", 'Host: id.example', 'Connection: close', @lines, '', '';
}

my @JSON = ('Content-Type: application/json', 'Content-Length: 2');

# ---- methods
my $ID = '00000000-0000-4000-8000-000000000000';    # what stands for an id in the operations' paths
my @METHODS = (qw(GET HEAD OPTIONS TRACE PUT POST PATCH DELETE PROPFIND MKCOL LOCK COPY BREW QUERY get Post), 'X' x 200);
my %methods;
$methods{ $_->{path} }{ $_->{method} } = $_ for @operations;
for my $path (sort keys %methods) {
    judge("methods of $path", map {
            my $as = $_ eq 'HEAD' || ($_ eq 'OPTIONS' && $path =~ m{/auth/verify$}) ? 'GET' : $_;
            my $own = $methods{$path}{$as} // $methods{ $path =~ s{[^/]*$}{$ID}r }{$as};    # "confirm" is an id to DELETE
            undef $own if $_ eq 'HEAD' && $own && (!$own->{token} || $path =~ /export$/);    # what does something: no HEAD does it
            { name => $_, method => $_, path => $path, bytes => head($_, $path, @JSON) . '{}',
                allowed => $_ eq 'OPTIONS' && !$own ? '200' : !$own ? '405' : $own->{token} ? '401' : $own->{form} ? '415' : '400' };
    } @METHODS);
}

# ---- paths: nothing but the one spelling reaches an operation, whatever httpd makes of the others
for my $operation (@operations) {
    my ($method, $path) = @{$operation}{qw(method path)};
    my ($prefix, $rest) = $path =~ m{^(/api/v1/\w+)/(.*)};
    my $last = $rest =~ s{^.*/}{}r;
    my %ours = (
        'slash behind' => "$path/", 'two slashes' => "$prefix//$rest", 'a dot' => "$prefix/./$rest",
        'dots' => "$prefix/x/../$rest",
        'dots to the end' => "$path/..", 'encoded dots' => "$prefix/x/%2e%2e/$rest",
        'encoded slash' => "$prefix/%2f$rest", 'encoded backslash' => "$prefix/%5c$rest",
        'double encoding' => "$prefix/%252f$rest", 'encoded letter' => $path =~ s/(\w)$/sprintf '%%%02x', ord $1/er,
        'NUL' => "$path%00", 'NUL and more' => "$path%00.html",
        'semicolon' => "$path;a=b", 'semicolon first' => "$prefix/;/$rest", 'capitals' => "$prefix/" . uc $rest,
        'query' => "$path?", 'fragment' => "$path#x",
        'extension' => "$path.json", 'space' => "$path%20", 'tab' => "$path%09", 'line end' => "$path%0d%0aX:%20y",
        'invalid UTF-8' => "$path%ff", 'overlong' => "$prefix/%c0%af$rest",
        'full width' => "$prefix/" . $rest =~ s/^./%ef%bc%ac/r, 'bad escape' => "$path%zz",
        'long' => "$prefix/" . 'a/' x 3000,
        'into the other' => "$prefix/../" . ($prefix =~ /auth/ ? 'members/me' : 'auth/verify'),
        'twice' => "$path$path", 'wildcard' => "$prefix/*", 'absolute' => "http://id.example$path",
        'absolute, other host' => "http://evil.example$path", 'absolute, https' => "https://id.example:443$path",
        'token in the query' => "$path?access_token=$member->{access}", 'query of 7000' => "$path?a=" . 'b' x 7000,
    );
    my %elsewhere = ('prefix in capitals' => uc $path, 'encoded prefix slash' => $path =~ s{/v1/}{%2fv1%2f}r,
        'out of the prefix' => "$prefix/../../../../etc/passwd", 'no slash' => "$prefix$rest",
        'encoded way out' => "$prefix/%2e%2e/%2e%2e/%2e%2e/etc/passwd", 'backslashes' => $path =~ s{/}{\\}gr,
        'space inside' => "$path x", 'raw bytes' => "$path\xff\xfe", 'raw tab' => "$path\tx", 'no path' => '*',
        'only a query' => '?x');
    judge("spellings of $method $path", (map { { name => $_, method => $method, path => $ours{$_}, bytes => head($method,
                        $ours{$_}, @JSON) . '{}', allowed => '40[01345]|41[45]' } } sort keys %ours),
        map { { name => $_, method => $method, path => $path, html => 1, bytes => head($method, $elsewhere{$_},
                    @JSON) . '{}', allowed => '40[01345]|41[45]' } } sort keys %elsewhere);
}

# ---- headers that others believe
my @SPOOFED = map { "$_->[0]: $_->[1]" } (
    (map { [$_, $victim->{uid}] } qw(X-UID X-User-Id X-Remote-User X-Forwarded-User X-Auth-Request-User Remote-User
            REMOTE_USER CLOUDEP_UID CloudEP-UID X-CloudEP-UID OIDC_CLAIM_sub)),
    ['X-Tenant-ID', '00000000-0000-0000-0000-000000000000'], (map { [$_,
                '127.0.0.1'] } qw(X-Forwarded-For X-Real-IP X-Client-IP True-Client-IP CF-Connecting-IP)), ['Forwarded',
        'for=127.0.0.1;proto=https;host=evil.example'],
    ['X-Forwarded-Host', 'evil.example'], ['X-Forwarded-Proto', 'https'], ['X-HTTP-Method-Override', 'GET'],
    ['X-Original-URL', '/api/v1/auth/verify'], ['X-Rewrite-URL', '/api/v1/members/me'],
    ['X-Original-Method', 'GET'], ['Cookie', "access_token=$victim->{access}; __Host-cloudep-browser=x"], ['Origin',
        'https://evil.example'], ['Referer', "https://evil.example/?token=$victim->{access}"], ['Via', '1.1 x'],
    ['Range', 'bytes=0-10'], ['If-Match', '"x"'], ['If-Modified-Since', 'Sat, 01 Jan 2099 00:00:00 GMT'],
    ['If-None-Match', '*'], ['Upgrade', 'websocket'], ['Accept', 'text/html'], ['Accept-Encoding', 'gzip, br'],
    ['Expect', '100-continue'], ['Max-Forwards', '0'], ['TE', 'trailers'], ['Content-Encoding', 'gzip'],
    ['Proxy-Authorization', "Bearer $victim->{access}"],
);
for my $operation (grep { $_->{token} } @operations) {
    my ($method, $path) = @{$operation}{qw(method path)};
    judge("spoofed headers do not open $method $path", map { { name => $_, method => $method, path => $path,
                bytes => head($method, $path, @JSON, $_) . '{}', allowed => '401|41[27]' } } @SPOOFED);
}
for my $header (@SPOOFED) {
    my ($name, $value) = split /: /, $header, 2;
    my $me = $client->with(token => $member->{access})->get('/api/v1/members/me', $name => $value);
    is(($me->data // {})->{uid}, $member->{uid}, "one is oneself in spite of $name") unless $name =~ /^If-(?:Match|None)/;
}

# ---- tokens
my ($head, $claims, $signature) = split /\./, $member->{access};
my %tokens = (
    none => 'Bearer', blank => 'Bearer ', basic => 'Basic ' . MIME::Base64::encode_base64('a:b',
        ''), digest => 'Digest username="a"', 'no scheme' => $member->{access}, 'other scheme' => "Token $member->{access}",
    refresh => "Bearer $member->{refresh}", 'no signature' => "Bearer $head.$claims.",
    'two parts' => "Bearer $head.$claims", 'four parts' => "Bearer $member->{access}.x",
    'swapped' => "Bearer $claims.$head.$signature",
    'alg none' => 'Bearer ' . MIME::Base64::encode_base64url('{"alg":"none","typ":"at+jwt"}') . ".$claims.",
    'alg HS256' => 'Bearer '
        . MIME::Base64::encode_base64url('{"alg":"HS256","kid":"x","typ":"at+jwt"}') . ".$claims.$signature",
    padded => "Bearer $member->{access}=", 'standard alphabet' => 'Bearer ' . $member->{access} =~ tr/-_/+\//r . '+',
    'space behind' => "Bearer $member->{access} x", 'comma' => "Bearer $member->{access}, Bearer x",
    'long' => 'Bearer ' . 'a' x 7000, 'dots' => 'Bearer ' . '.' x 3000,
    'a byte' => "Bearer $member->{access}\xff", quotes => "Bearer \"$member->{access}\"",
    'SQL' => "Bearer ' OR 1=1 --", 'changed' => "Bearer $head.$claims." . reverse($signature),
    'two headers' => "Bearer $member->{access}\r\nAuthorization: Bearer x", 'tab' => "Bearer\t$member->{access}",
);
for my $operation (grep { $_->{token} } @operations) {
    my ($method, $path) = @{$operation}{qw(method path)};
    judge("tokens that are none at $method $path", map { { name => $_, method => $method, path => $path,
                bytes => head($method, $path, @JSON, "Authorization: $tokens{$_}") . '{}',
                allowed => '401|400' } } sort keys %tokens);
}

# ---- bodies and lengths
my @posts = grep { $_->{method} =~ /POST|PATCH/ && @{ $_->{fields} } && !$_->{query} && !$_->{form} } @operations;
my $type = 'Content-Type: application/json';
my $chunked = 'Transfer-Encoding: chunked';
my $next = "GET /api/v1/auth/verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
my @waiting;
for my $operation (@posts) {
    my ($method, $path) = @{$operation}{qw(method path)};
    my @token = $operation->{token} ? ("Authorization: Bearer $member->{access}") : ();
    my $send = sub { my ($lines, $body) = @_; return head($method, $path, @token, @$lines) . $body };
    my $keep = sub { my ($lines, $body) = @_; return $send->($lines,
            $body) =~ s/Connection: close/Connection: keep-alive/r };
    my $invalid = '{"x":' x 20;
    my @cases = (
        ['no length, no body', $send->([$type], ''), '40[01]'], ['length 0', $send->([$type, 'Content-Length: 0'], ''),
            '40[01]'],
        ['length with a sign', $send->([$type, 'Content-Length: +2'], '{}'), '400'], ['negative length', $send->([$type,
                    'Content-Length: -1'], '{}'), '400'], ['length in hexadecimal', $send->([$type, 'Content-Length: 0x2'], '{}'),
            '400'],
        ['a huge length', $send->([$type, 'Content-Length: 99999999999999999999999'], '{}'), '400|413'],
        ['a large length', $send->([$type, 'Content-Length: 10000000'], '{}'), '413'], ['two lengths', $send->([$type,
                    'Content-Length: 2', 'Content-Length: 3'], '{}x'), '400'],
        ['length list', $send->([$type, 'Content-Length: 2, 2'], '{}'), '400|200'],
        ['length with a space', $send->([$type, 'Content-Length : 2'], '{}'), '400'],
        ['length and chunks', $send->([$type, 'Content-Length: 5', $chunked], "2\r\n{}\r\n0\r\n\r\n"),
            '400|200|40[1349]'], ['chunked', $send->([$type, $chunked], "2\r\n{}\r\n0\r\n\r\n"), '400|200'],
        ['small chunks', $send->([$type, $chunked], "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), '400|200'],
        ['chunk extension', $send->([$type, $chunked], "2;a=\"b\"\r\n{}\r\n0\r\n\r\n"), '400|200'],
        ['trailers', $send->([$type, $chunked], "2\r\n{}\r\n0\r\nAuthorization: Bearer $victim->{access}\r\n\r\n"),
            '400|200'],
        ['chunk size no number', $send->([$type, $chunked], "g\r\n{}\r\n0\r\n\r\n"), '400'],
        ['negative chunk', $send->([$type, $chunked], "-1\r\n{}\r\n0\r\n\r\n"), '400'],
        ['huge chunk', $send->([$type, $chunked], "ffffffffffffffffff\r\n{}\r\n"), '400|413'],
        ['large chunk', $send->([$type, $chunked], "7fffffff\r\n" . 'a' x 20_000), '413'],
        ['many chunks', $send->([$type, $chunked], ("1\r\n \r\n" x 18_000) . "0\r\n\r\n"), '413'],
        ['chunked twice', $send->([$type, "$chunked, chunked"], "2\r\n{}\r\n0\r\n\r\n"), '400|501|200'],
        ['unknown coding', $send->([$type, 'Transfer-Encoding: gzip'], 'x'), '400|501'], ['identity', $send->([$type,
                    'Transfer-Encoding: identity'], 'x'), '400|501'],
        ['x-chunked', $send->([$type, 'Transfer-Encoding: xchunked'], "2\r\n{}\r\n0\r\n\r\n"), '400|501'],
        ['coding with a NUL', $send->([$type, "Transfer-Encoding: chunked\0"], "0\r\n\r\n"), '400'],
        ['compressed', $send->([$type, 'Content-Encoding: gzip', 'Content-Length: 3'], "\x1f\x8b\x08"), '400|415'],
        ['charset', $send->(["$type; charset=utf-16", 'Content-Length: 2'], '{}'), '400|415|200'],
        ['type twice', $send->([$type, 'Content-Type: text/html', 'Content-Length: 2'], '{}'), '400|415|200'],
        ['form', $send->(['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 3'], 'a=b'), '415'],
        ['folded header', $send->([$type, 'Content-Length: 2', "X-A: b\r\n c"], '{}'), '400|200'],
        ['header without a colon', $send->([$type, 'nothing', 'Content-Length: 2'], '{}'), '400'],
        ['empty header name', $send->([$type, ': x', 'Content-Length: 2'], '{}'), '400'],
        ['NUL in a header', $send->([$type, "X-A: a\0b", 'Content-Length: 2'], '{}'), '400'],
        ['a bare CR', $send->([$type, "X-A: a\rb", 'Content-Length: 2'], '{}'), '400'], ['300 headers', $send->([$type,
                    (map { "X-$_: y" } 1 .. 300), 'Content-Length: 2'], '{}'), '400'], ['a header of 9000', $send->([$type,
                    'X-A: ' . 'y' x 9000, 'Content-Length: 2'], '{}'), '400'],
        ['two hosts', $send->([$type, 'Host: evil.example', 'Content-Length: 2'], '{}'), '400|200'],
        ['HTTP/1.0', $send->([$type, 'Content-Length: 2'], '{}') =~ s{HTTP/1.1}{HTTP/1.0}r, '400|200'],
        ['HTTP/2.0 in the line', $send->([$type, 'Content-Length: 2'], '{}') =~ s{HTTP/1.1}{HTTP/2.0}r,
            '400|505|200', 1],
        ['HTTP/9.9', $send->([$type, 'Content-Length: 2'], '{}') =~ s{HTTP/1.1}{HTTP/9.9}r, '400|505|200', 1],
        ['no version', "$method $path\r\n\r\n", '400|405', 1], ['LF only', $send->([$type, 'Content-Length: 2'],
                '{}') =~ s/\r\n/\n/gr, '400|200', 1], ['no host', $send->([$type, 'Content-Length: 2'],
                '{}') =~ s/Host: .*\r\n//r, '400'],
        ['an empty line first', "\r\n\r\n" . $send->([$type, 'Content-Length: 2'], '{}'), '400|200'],
        ['more than the length, then a request', $keep->([$type, 'Content-Length: 2'], "{}garbage\r\n\r\n$next"),
            '(?:400|200)(?: 400)?', 1], ['a request after a refused one', $keep->(['Content-Type: text/plain',
                    'Content-Length: 2'], "{}$next"), '415(?: 401)?'],
        ['a request after invalid JSON', $keep->([$type, 'Content-Length: ' . length $invalid], "$invalid$next"),
            '400(?: 401)?'], ['a request after a large body', $keep->([$type, 'Content-Length: 20000'],
                'a' x 20_000 . $next), '413(?: 401)?'], ['a smuggled request', $keep->([$type,
                    'Content-Length: ' . length $next], $next), '400'],
        ['smuggled by chunks', $keep->([$type, $chunked, 'Content-Length: 4'], "0\r\n\r\n$next"), '400(?: 401)?'],
        ['expects 100', $send->([$type, 'Expect: 100-continue', 'Content-Length: 2'], '{}'), '(?:100 )?(?:400|200)'],
        ['expects more', $send->([$type, 'Expect: 200-ok', 'Content-Length: 2'], '{}'), '417'],
    );
    push @waiting, map { { name => "$path: $_->[0]", method => $method, path => $path, bytes => $send->([$type, $_->[1]],
                $_->[2]), allowed => '40[08]' } }
        ['less than its length', 'Content-Length: 500', '{"a":'], ['chunks that end early', $chunked, "ff\r\n{"],
        ['no last chunk', $chunked, "2\r\n{}\r\n"], ['huge chunk', $chunked, "ffffffff\r\n{}"];
    judge("bodies and lengths at $method $path", map { { name => $_->[0], method => $method, path => $path,
                bytes => $_->[1], allowed => $_->[2], html => $_->[3] } } @cases);
}

judge('bodies that never end', @waiting);

# ---- slow and broken connections: many at once, and meanwhile others are served
my (@slow, @bytes);
for my $i (0 .. 59) {
    my $head = head('POST', $posts[$i % @posts]{path}, $type, 'Content-Length: 400');
    push @slow, my $socket = $client->connection;
    syswrite $socket, $head if $i % 2;
    push @bytes, ($i % 2 ? '' : $head) . '{"a":"' . 'x' x 394;
}
my $began = time;
while (time - $began < 2) {
    syswrite $slow[$_], substr $bytes[$_], 0, 1, '' for 0 .. $#slow;
    sleep 0.1;
}
outcome($client->with(token => $member->{access})->get('/api/v1/members/me'), 200, 102000,
    'others are served while sixty connections crawl');
my @ends;
for my $socket (@slow) {
    $socket->blocking(1);
    my $answer = '';
    1 while sysread $socket, $answer, 4096, length $answer;
    my @answers = responses($answer, 'POST', $posts[0]{path});
    push @ends, @answers ? join ' ', map { $_->status, faults($_) } @answers : 'closed';
    $cases++;
}
is_deeply([grep { $ends[$_] ne '408' } grep { $_ % 2 } 0 .. $#ends], [],
    'whose body does not come is told 408') or diag("@ends");
is_deeply([grep { $ends[$_] !~ /^(?:408|closed)/ } 0 .. $#ends], [],
    'whose header does not come is let go') or diag("@ends");
cmp_ok(time - $began, '<', 60, 'in bounded time');
for my $cut (0 .. 40) {
    my $socket = $client->connection;
    my $whole = head('POST', $posts[$cut % @posts]{path}, $type, 'Content-Length: 40') . '{"tenant_slug":"a","email":"';
    syswrite $socket, substr $whole, 0, int(length($whole) * $cut / 40);
    setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack('ii', 1, 0) if $cut % 2;
    close $socket;
    $cases++;
}
outcome($client->with(token => $member->{access})->get('/api/v1/members/me'), 200, 102000,
    'connections that go away are nobody\'s trouble');

diag("\n$cases strange requests; answers: ", join ', ', map { "$statuses{$_} x $_" } sort keys %statuses);
cmp_ok($cases, '>', 2000, 'thousands of cases');
outcome($victim->{client}->get('/api/v1/members/me'), 200, 102000, 'the server lives, and so does its member');
expect_log(qr/AH10244/);    # a path that is none, refused before it is anybody's
$peer->stop;
finish();
