# Every answer of the two prefixes is the envelope: unknown paths, methods, bodies, and what httpd itself refuses.
use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Process qw(free_port);
use CloudEP::Test;

my $login = '/api/v1/auth/login';
my $member = register_member();

# ---- paths and methods
outcome(client()->get("/api/v1/$_"), 404, 10301000, "path $_")
    for qw(auth/ auth/nowhere auth/login/ auth/login/x members members/ members/you auth/%6Cogin%00 auth//login/../nowhere);
for my $method (qw(GET PUT DELETE PATCH TRACE PROPFIND FROBNICATE HEAD)) {
    my $answer = client()->request($method => $login);
    if ($method eq 'HEAD') {
        is($answer->status, 405, 'HEAD has the status of the method not allowed');
        is($answer->body, '', 'HEAD of a method not allowed has no body');
        next;
    }
    outcome($answer, 405, 10105000, "$method is not allowed");
    is($answer->header('Allow'), 'OPTIONS, POST', "$method: Allow lists what is");
}
is(client()->request(OPTIONS => $login)->header('Allow'), 'OPTIONS, POST', 'OPTIONS tells the methods');
is($member->{client}->request(OPTIONS => '/api/v1/members/me')->header('Allow'), 'OPTIONS, GET, HEAD, PATCH, DELETE', 'OPTIONS tells the methods of each path');
my $head = $member->{client}->request(HEAD => '/api/v1/members/me');
is($head->status, 200, 'HEAD of a GET route');
is($head->body, '', 'HEAD of a GET route has no body');
cmp_ok($head->header('Content-Length'), '>', 100, 'HEAD of a GET route has its length');
for my $callback (map { "/api/v1/auth/$_/social/callback" } qw(register login)) {
    my $answer = client()->request(HEAD => "$callback?code=x&state=x");
    is($answer->status, 405, "HEAD of $callback, which would do something, is not allowed");
    is($answer->header('Allow'), 'OPTIONS, GET, POST', "Allow of $callback has no HEAD");
}

# ---- bodies
outcome(client()->post($login, '{}', 'Content-Type' => $_), 415, 10105000, 'Content-Type ' . ($_ // 'missing'))
    for undef, 'text/plain', 'application/jsonp', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x';
outcome(client()->post($login, '{}', 'Content-Type' => $_), 400, 10104000, "Content-Type $_")
    for 'application/json; charset=utf-8', 'Application/JSON', 'application/json;charset="UTF-8"';
my $large = '{"tenant_slug":"' . 'x' x 17_000 . '"}';
outcome(client()->post($login, $large), 413, 10103000, 'a body over the limit, by its length');
sub chunked { my ($body) = @_; return sprintf("%x\r\n%s\r\n0\r\n\r\n", length $body, $body) }
my @chunked = ('Transfer-Encoding' => 'chunked', 'Content-Length' => undef);
outcome(client()->post($login, chunked($large), @chunked), 413, 10103000, 'a body over the limit, by counting');
outcome(client()->post($login, chunked('{}'), @chunked), 400, 10104000, 'a chunked body is read');
outcome(client()->post($login, $_), 400, 10101000, 'not a JSON object: ' . substr $_, 0, 20)
    for '', 'null', '7', '"x"', '[]', '{"a":1,}', "{\"a\":\"\xff\"}", '{"a":"\u0000"}', '{"a":1}{"b":2}', '[' x 5000, '{"a":' x 2000,
    '{"email":1,"email":2}';

# ---- what httpd refuses by itself
my $raw = sub { my ($bytes) = @_; CloudEP::Client::Response->new('POST', $login, client()->raw($bytes)) };
my $start = "POST $login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
outcome($raw->("${start}Content-Length: abc\r\n\r\n"), 400, 10101000, 'a Content-Length that is none');
outcome($raw->("${start}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 400, 10101000, 'broken chunks');
outcome($raw->("${start}X: " . 'a' x 9000 . "\r\n\r\n"), 400, 10101000, 'a header that is too long');
outcome($raw->("${start}Expect: something\r\n\r\n"), 417, 10101000, 'an expectation nobody can meet');
my $guarded = own_server(with => ['<Location /api/v1/auth/login>', 'Require all denied', '</Location>',
        '<Location /api/v1/auth/logout>', 'LimitRequestBody 10', '</Location>'])->start;
outcome(client(server => $guarded)->post($login, {}), 403, 10505000, "the administrator's own rule denies");
outcome(client(server => $guarded)->get('/api/v1/auth/nowhere'), 404, 10301000, 'elsewhere nothing changes');
my $custom = own_server(with => ['<Location /api/v1/auth/login>', 'Require all denied', 'ErrorDocument 403 "closed today"', '</Location>'])->start;
is(client(server => $custom, watch => undef)->post($login, {})->body, 'closed today', "an administrator's ErrorDocument wins");
unlike(client()->get('/no-file-of-ours')->body, qr/^\{/, 'pages outside the prefixes stay as they are');

my $other = free_port();
my $beside = own_server(with => ["Listen 127.0.0.1:$other", "<VirtualHost 127.0.0.1:$other>",
        '<Location /api>', 'SetHandler none', '</Location>', '</VirtualHost>'])->start;
for my $case (['a page that is not there', 404, ''], ['a Content-Length that is none', 400, "Content-Length: abc\r\n"],
    ['a header that is too long', 400, 'X: ' . 'a' x 9000 . "\r\n"]) {
    my ($what, $status, $header) = @$case;
    my @answers = map { CloudEP::Client::Response->new('POST', $login, CloudEP::Client->new(port => $_)->raw("$start$header\r\n")) }
        $beside->port, $other;
    is(substr($answers[0]->body, 0, 1), '{', "$what: the envelope where CloudEP is");
    is($answers[1]->status, $status, "$what: on a virtual host without it");
    like($answers[1]->body, qr/^<!DOCTYPE HTML/, "httpd's own page");
}

# ---- a second request on the connection of a refused one, with its body unread
my $body = '{"email":"x"}';
my $two = "POST $login HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n$body"
    . "GET /api/v1/members/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
my @statuses = client()->raw($two) =~ m{HTTP/1\.1 (\d+)}g;
is("@statuses", '415 401', 'the connection goes on after a refused request');

# ---- no two requests share an id, and none is taken from the client
my %ids = map { $_->header('X-Request-Id') => 1 } client()->parallel((['GET', '/api/v1/auth/x', undef, 'X-Request-Id' => 'mine']) x 20);
is(scalar(keys %ids), 20, 'request ids are unique');
ok(!$ids{mine}, 'and our own');

expect_log(qr/client denied by server configuration/);
finish();
