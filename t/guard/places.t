# Everywhere that AuthType CloudEP may stand, and every way by which httpd comes to a request: Directory, Proxy, .htaccess,
# sections that combine, subrequests, internal redirects, ErrorDocument, HTTP/2.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Httpd;
use CloudEP::Process qw(capture socket_folder spew);
use CloudEP::Test;
use File::Path qw(make_path);

my ($acme, $other) = (tenant(), tenant());
my $member = register_member(tenant => $acme);
my $stranger = register_member(tenant => $other);
my $backend = CloudEP::Backend->start;
my $to = $backend->url;

my @GUARD = ('AuthType CloudEP', 'AuthName x', 'AuthzSendForbiddenOnFailure On');
sub section { my ($kind, $path, @lines) = @_; return ("<$kind \"$path\">", @GUARD, @lines, "</$kind>") }
sub location { section(Location => @_) }

my $server = own_server(values => { CloudEPIssuer => server()->url });
my $docs = "$server->{dir}/htdocs";
my %combined = (
    all => ['<RequireAll>', 'Require valid-user', "Require cloudep-tenant $acme->{slug}", '</RequireAll>'],
    none => ['<RequireAll>', 'Require valid-user', '<RequireNone>', "Require cloudep-tenant $other->{slug}", '</RequireNone>', '</RequireAll>'],
    either => ['<RequireAny>', "Require user $stranger->{uid}", '<RequireAll>', "Require cloudep-tenant nobody $acme->{slug}", 'Require ip 127.0.0.0/8',
        '</RequireAll>', '</RequireAny>'],
    elsewhere => ['<RequireAll>', 'Require valid-user', 'Require ip 192.0.2.1', '</RequireAll>'],
    address => ['<RequireAny>', 'Require valid-user', 'Require ip 127.0.0.0/8', '</RequireAny>'],
    expr => ["Require expr \"reqenv('CLOUDEP_TENANT') == '$acme->{slug}' && -n reqenv('CLOUDEP_UID')\"", 'Require valid-user'],
    unless => ['CloudEPTokenOptional On', '<RequireAll>', 'Require all granted', "Require not cloudep-tenant $other->{slug}", '</RequireAll>'],
    forgotten => ['AuthzSendForbiddenOnFailure Off', "Require cloudep-tenant $acme->{slug}"],
    outer => ['Require valid-user'],
    'outer/inner' => ['AuthMerging And', "Require cloudep-tenant $acme->{slug}"],
    'outer/own' => ["Require cloudep-tenant $acme->{slug}"],
);
$server->{with} = [
    (map { CloudEP::Httpd::module($_) } qw(include cgid)), "ScriptSock " . socket_folder($server->{dir}) . '/cgi.sock', 'Protocols h2c http/1.1', 'H2Direct on',
    section(Directory => "$docs/folder", 'Require valid-user', 'Options +Includes +ExecCGI', 'AddHandler cgi-script .cgi',
        'AddOutputFilter INCLUDES .shtml', 'AddType text/html .shtml', 'DirectoryIndex index.cgi', 'RewriteEngine On',
        'RewriteRule ^renamed$ index.cgi'),
    section(Directory => "$docs/folder/deep", "Require cloudep-tenant $acme->{slug}"),
    "<Directory $docs/open>", 'Options +Includes', 'AddOutputFilter INCLUDES .shtml', 'AddType text/html .shtml', '</Directory>',
    "<Directory $docs/htaccess>", 'AllowOverride AuthConfig', '</Directory>',
    (map { location("/$_", @{ $combined{$_} }) } sort keys %combined),
    location('/error/guarded', 'Require cloudep-mfa 300', 'ErrorDocument 401 /folder/', 'ErrorDocument 403 /folder/'),
    location('/error/open', 'Require cloudep-mfa 300', 'ErrorDocument 401 /open/sorry.shtml', 'ErrorDocument 403 /open/sorry.shtml'),
    location('/error/text', 'Require cloudep-mfa 300', 'ErrorDocument 401 "please log in"', 'ErrorDocument 403 "once more, please"'),
    "ProxyPass /through ${to}through", "ProxyPass /besides ${to}besides",
    section(Proxy => "${to}through*", 'Require valid-user', 'CloudEPIdentityHeaders On'),
];
make_path(map { "$docs/$_" } qw(folder/deep open htaccess error), keys %combined);
spew("$docs/folder/index.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nenv\n");
chmod 0755, "$docs/folder/index.cgi";
spew("$docs/$_/page.html", "inside $_") for qw(folder folder/deep htaccess error), keys %combined;
spew("$docs/htaccess/.htaccess", join "\n", @GUARD, 'Require valid-user', '');
spew("$docs/folder/parts.shtml", '<!--#include virtual="deep/page.html" --> and <!--#echo var="CLOUDEP_UID" -->');
spew("$docs/open/parts.shtml", '[<!--#include virtual="/folder/page.html" -->]');
spew("$docs/open/sorry.shtml", 'sorry <!--#echo var="REDIRECT_STATUS" -->');
$server->start;

sub as { my ($who, %more) = @_; return client(server => $server, watch => undef, token => $who ? $who->{access} : undef, %more) }
sub page { my ($who, $path, @headers) = @_; return as($who)->get($path, @headers) }
sub statuses { my ($path) = @_; return join ' ', map { page($_, $path)->status } undef, $member, $stranger }

# ---- places: nobody, a member of acme, a member of another tenant
my %expected = (
    '/folder/page.html' => '401 200 200', '/folder/deep/page.html' => '401 200 403', '/htaccess/page.html' => '401 200 200',
    '/through/x' => '401 200 200', '/besides/x' => '200 200 200',
    '/all/page.html' => '401 200 403', '/none/page.html' => '401 200 403', '/either/page.html' => '401 200 200',
    '/elsewhere/page.html' => '403 403 403', '/address/page.html' => '200 200 200', '/expr/page.html' => '401 200 200',
    '/unless/page.html' => '200 200 403', '/forgotten/page.html' => '401 200 401',
    '/outer/page.html' => '401 200 200', '/outer/inner/page.html' => '401 200 403', '/outer/own/page.html' => '401 200 403',
);
is(statuses($_), $expected{$_}, "$_: nobody, a member, another tenant's") for sort keys %expected;
is(page({ access => 'x.y.z' }, '/unless/page.html')->status, 401, 'a bad token does not become nobody');
is(page($stranger, '/forgotten/page.html')->header('WWW-Authenticate'), 'Bearer realm="x", error="insufficient_scope"',
    'a 401 to who is known says what is lacking');
like(page($member, '/through/x')->body, qr/^X-CloudEP-UID: \Q$member->{uid}\E\r$/m, 'from a Proxy section the backend learns the uid');
unlike(page($member, '/besides/x')->body, qr/X-CloudEP/i, 'outside of it, nothing');

# ---- answers: the same challenge whatever the body is
for my $case (['text/html', 'html'], ['application/json', 'json'], ['text/html, application/json', 'html'], ['application/json, text/html', 'json'],
    ['application/json; q=0.9, */*', 'json'], ['*/*', 'html'], ['', 'html']) {
    my ($accept, $kind) = @$case;
    for my $who ([undef, 401, 10501000, ''], [$stranger, 403, 10505000, ', error="insufficient_scope"']) {
        my $answer = page($who->[0], '/all/page.html', Accept => $accept);
        is($answer->status . ' ' . ($answer->code // 'html'), "$who->[1] " . ($kind eq 'json' ? $who->[2] : 'html'), "$who->[1] for '$accept'");
        is($answer->header('WWW-Authenticate'), "Bearer realm=\"x\"$who->[3]", 'with one challenge');
    }
}
my $head = as($member)->request(HEAD => '/all/page.html');
is($head->status . $head->body, '200', 'HEAD passes without a body');
$head = as(undef)->request(HEAD => '/all/page.html', undef, Accept => 'application/json');
is($head->status . $head->body, '401', 'or is refused without one');

# ---- caches: files of httpd's own
for my $case ([200, '/all/page.html'], [206, '/all/page.html', Range => 'bytes=0-2'], [304, '/all/page.html', 'If-None-Match' => '*'], [404, '/all/none']) {
    my ($status, $path, @headers) = @$case;
    for my $method (qw(GET HEAD)) {
        my $file = as($member)->request($method => $path, undef, @headers);
        is(join(' ', $file->status, map { $file->header($_) // '-' } qw(Cache-Control Vary)), "$status private Authorization", "$method of a file: $status");
    }
}

# ---- subrequests
like(page($member, '/folder/parts.shtml')->body, qr/^inside folder\/deep and \Q$member->{uid}\E$/, 'a page takes in what its reader may see');
like(page($stranger, '/folder/parts.shtml')->body, qr/^\[an error.*\] and \Q$stranger->{uid}\E$/, 'and not what its reader may not');
like(page($member, '/open/parts.shtml')->body, qr/^\[inside folder\]$/, 'an open page too');
my $nothing = page(undef, '/open/parts.shtml');
is($nothing->status, 200, 'it opens for anybody');
like($nothing->body, qr/^\[\[an error/, 'but not what is guarded in it');

# ---- internal redirects: who it is does not get lost
for my $path (qw(/folder/index.cgi /folder/ /folder/renamed)) {
    my $answer = page($member, $path);
    is($answer->header('Cache-Control') . ' ' . $answer->header('Vary'), 'private Authorization', "$path: no shared cache keeps it");
    my $body = $answer->body;
    like($body, qr/^CLOUDEP_UID=\Q$member->{uid}\E$/m, "$path: CGI reads the uid");
    like($body, qr/^$_$/m, "$path: and $_") for "CLOUDEP_TENANT=\Q$acme->{slug}\E", 'CLOUDEP_SESSION=[0-9a-f-]{36}', 'CLOUDEP_AMR=otp',
        "REMOTE_USER=\Q$member->{uid}\E", 'AUTH_TYPE=CloudEP';
    unlike($body, qr/AUTHORIZATION|\Q$member->{access}\E/, "$path: and not the token");
    is(page(undef, $path)->status, 401, "$path: nobody comes in that way");
}

# ---- ErrorDocument
my $sorry = page(undef, '/error/open/page.html');
is($sorry->status . ' ' . $sorry->body, '401 sorry 401', 'a page of one\'s own for 401');
is($sorry->header('WWW-Authenticate'), 'Bearer realm="x"', 'with the challenge');
is($sorry->header('Cache-Control'), 'private', 'for nobody else');
$sorry = page($member, '/error/open/page.html', Accept => 'application/json');
is($sorry->status . ' ' . $sorry->body, '403 sorry 403', 'for 403, before the envelope');
is($sorry->header('WWW-Authenticate'), 'Bearer realm="x", error="insufficient_scope"', 'with the challenge');
$sorry = page($member, '/error/text/page.html', Accept => 'application/json');
is($sorry->status . ' ' . $sorry->body, '403 once more, please', 'so does a text');
like($sorry->header('WWW-Authenticate'), qr/insufficient_scope/, 'with the challenge');
is(page(undef, '/error/guarded/page.html')->status, 401, 'a page that is guarded itself is not shown to nobody');
$sorry = page($member, '/error/guarded/page.html');
is($sorry->status, 403, 'it is to a member, who is refused all the same');
like($sorry->body, qr/^CLOUDEP_UID=\Q$member->{uid}\E$/m, 'and known there');

# ---- HTTP/2
sub h2 {
    my ($who, $path, @options) = @_;
    my (undef, $output) = capture(undef, qw(curl -sS -i --raw --max-time 30 --http2-prior-knowledge), @options,
        ($who ? ('-H', "Authorization: Bearer $who->{access}") : ()), $server->url($path));
    return $output;
}
like(h2($member, '/all/page.html'), qr{\AHTTP/2 200 .*^inside all\z}ms, 'over HTTP/2 a member passes');
like(h2($member, '/all/page.html'), qr{^$_\r$}m, "with $_") for 'cache-control: private', 'vary: Authorization';
like(h2(undef, '/all/page.html'), qr{\AHTTP/2 401 .*^www-authenticate: Bearer realm="x"\r$}ms, 'nobody does not');
like(h2($stranger, '/all/page.html', '-H', 'Accept: application/json'), qr{\AHTTP/2 403 .*error="insufficient_scope".*"code":10505000}s,
    'nor who lacks something');
like(h2($member, '/through/x', map { ('-H', "$_: admin") } 'x-cloudep-uid', 'x_cloudep_uid'), qr{\AHTTP/2 200 (?!.*admin).*^X-CloudEP-UID: \Q$member->{uid}\E}ms,
    'the backend is told the truth');
my (undef, $many) = capture(undef, qw(nghttp -n -s -t 30 -m 30 -H), "authorization: Bearer $member->{access}",
    $server->url('/folder/page.html'), $server->url('/through/x'));
my %seen;
$seen{$_}++ for $many =~ m{^ *\d+ +\S+ +\S+ +\S+ +(\d{3}) +\S+ +/}mg;
is_deeply(\%seen, { 200 => 60 }, 'many streams of one connection');

# ---- a forward proxy, whose Authorization is for somebody else
my $forward = own_server(values => { CloudEPIssuer => server()->url }, with => ['ProxyRequests On', section(Proxy => '*', 'Require valid-user')])->start;
my (undef, $proxied) = capture(undef, qw(curl -sS -i --max-time 30 -x), $forward->url, '-H', "Authorization: Bearer $member->{access}", "${to}forward");
like($proxied, qr{\AHTTP/1.1 500 }, 'a guard in front of a forward proxy lets nothing through');
unlike($proxied, qr/\Q$member->{access}\E/, 'nor the token');

expect_log(qr/AH01630|CE201|AH01631|AH01797|unable to include/);
finish();
