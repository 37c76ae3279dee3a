# The same API over HTTP/2, in the clear: by prior knowledge, by upgrade, many streams at once, and strange requests.
use strict;
use warnings;
use CloudEP::Hostile qw(server_and_peer operations good_body faults);
use CloudEP::Process qw(capture);
use CloudEP::Test;
use JSON::PP ();

my ($server, $peer) = server_and_peer(with => ['Protocols h2c http/1.1', 'H2Direct on']);
my $member = register_member(server => $server);
my $cases = 0;

# One request by curl; the answer as the other tests know it.
sub h2 {
    my ($method, $path, %options) = @_;
    my @headers = map { ('-H', $_) } @{ $options{headers} // [] };
    my @body = defined $options{body} ? ('--data-binary', '@-', '-H', 'Content-Type: application/json') : ();
    my ($status, $output, $errors);
    for (1 .. 20) {
        ($status, $output, $errors) = capture($options{body}, 'curl', '-sS', '-i', '--raw', '--max-time', 30, '--path-as-is',
            $options{how} // '--http2-prior-knowledge', '-X', $method, ($method eq 'HEAD' ? '--head' : ()), @headers, @body,
            $server->url($path));

        # curl cannot take an answer that overtakes the request's body, not even httpd's own 404.
        last unless $status == 92 && @body;
    }
    $cases++;
    $status == 0 or return CloudEP::Client::Response->new($method, $path, "curl: $status $errors");
    $output =~ s{\AHTTP/1\.1 101 .*?\r\n\r\n}{}s;
    my $version = $output =~ s{\AHTTP/2 (\d+) ?}{HTTP/1.1 $1 };
    return CloudEP::Client::Response->new($method, $path, $version ? $output : '');
}

my $json = JSON::PP->new->utf8->canonical;
my @bearer = ("Authorization: Bearer $member->{access}");

# ---- every operation, with what it takes and without
for my $operation (operations()) {
    my ($method, $path) = @{$operation}{qw(method path)};
    my $takes = @{ $operation->{fields} } && !$operation->{query} && !$operation->{form};
    my $answer = h2($method, $path, $takes ? (body => '{}') : ());
    my @faults = faults($answer, $operation->{token} ? 401 : $operation->{form} ? 415 : 400);
    ok(!@faults, "$method $path, empty") or diag("@faults: ", $answer->raw);
    next if $path =~ /logout$/ || "$method $path" eq 'DELETE /api/v1/members/me';    # the member is needed below
    $answer = h2($method, $path, headers => $operation->{token} ? \@bearer : [],
        $takes ? (body => $json->encode(good_body($operation))) : ());
    @faults = ($answer->header('content-type') // '') =~ m{^image/} ? () : faults($answer);
    ok(!@faults, "$method $path, with values") or diag("@faults: ", $answer->raw);
}

# ---- what is the same as ever
my $me = '/api/v1/members/me';
my $login = '/api/v1/auth/login';
outcome(h2(GET => $me, headers => \@bearer), 200, 102000, 'a profile');
outcome(h2(GET => $me, headers => \@bearer, how => '--http2'), 200, 102000, 'after an upgrade');
is(h2(HEAD => $me, headers => \@bearer)->body, '', 'HEAD has no body');
is(h2(OPTIONS => $me)->header('allow'), 'OPTIONS, GET, HEAD, PATCH, DELETE', 'OPTIONS');
outcome(h2($_, $login), 405, 10105000, $_) for qw(TRACE PUT DELETE BREW);
outcome(h2(POST => $login, body => '{"a":"' . 'x' x 20_000 . '"}'), 413, 10103000, 'a large body');
outcome(h2(POST => $login, body => '{"a":"' . 'x' x 20_000 . '"}', headers => ['Content-Length:']), 413, 10103000,
    'without a length');
outcome(h2(POST => $login, body => '[' x 15_000), 400, 10101000, 'nested deep');
outcome(h2(POST => $login, body => '{}', headers => ['Content-Type: text/plain']), 415, 10105000, 'another type');
outcome(h2(GET => "/api/v1/auth/$_"), 404, 10301000, $_) for 'nowhere', 'login;a', 'login%2f', 'login/';
for my $header ('X-UID: x', 'X-Forwarded-For: 127.0.0.1', 'X-HTTP-Method-Override: DELETE', 'Transfer-Encoding: chunked',
    'Connection: keep-alive', 'TE: gzip', 'Range: bytes=0-5',
    'Host: evil.example', 'Cookie: ' . 'a=b; ' x 500, 'X-A: ' . 'b' x 7000) {
    my $answer = h2(GET => $me, headers => [$header]);
    ok($answer->status == 401 || $answer->status == 400 || !$answer->status, substr($header, 0,
            40) . ' opens nothing') or diag($answer->raw);
    next if !$answer->status;    # a header that HTTP/2 does not have ends the stream
    my @faults = faults($answer);
    ok(!@faults, 'and is answered by the envelope') or diag("@faults: ", $answer->raw);
}

# ---- many streams of one connection
my ($status, $output, $errors) = capture(undef, 'nghttp', '-n', '-s', '-t', 30, '-m', 50,
    '-H', lc($bearer[0] =~ s/:.*//r) . $bearer[0] =~ s/^\w+//r,
    map { $server->url($_) } $me, '/api/v1/auth/verify');
my %seen;
$seen{$_}++ for $output =~ m{^ *\d+ +\S+ +\S+ +\S+ +(\d{3}) +\S+ +/}mg;
$cases += 100;
is_deeply(\%seen, { 200 => 50, 204 => 50 }, 'a hundred at once, each with its own answer') or diag(join "\n",
    map { "$seen{$_} x $_" } sort(keys %seen), substr($output, 0, 500), $errors);
outcome($member->{client}->get($me), 200, 102000, 'and HTTP/1.1 goes on');
diag("\n$cases requests over HTTP/2");
$peer->stop;
finish();
