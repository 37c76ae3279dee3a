# Our cookies are ours: no application, script or other module sees them, and what is not ours stays to the letter.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Httpd;
use CloudEP::Process qw(socket_folder spew);
use CloudEP::Test;
use File::Path qw(make_path);

my $member = register_member();
my $backend = CloudEP::Backend->start;
my $to = $backend->url;
my @GUARD = ('AuthType CloudEP', 'AuthName x', 'Require valid-user');
my $server = own_server(values => { CloudEPIssuer => server()->url });
my $docs = "$server->{dir}/htdocs";
$server->{with} = [
    (map { CloudEP::Httpd::module($_) } qw(include cgid)), 'ScriptSock ' . socket_folder($server->{dir}) . '/cgi.sock', 'Protocols h2c http/1.1', 'H2Direct on',
    "<Directory $docs/cgi>", 'Options +ExecCGI +Includes', 'AddHandler cgi-script .cgi', 'AddOutputFilter INCLUDES .shtml', 'AddType text/html .shtml',
    'DirectoryIndex index.cgi', '</Directory>',
    '<Location /open>', "ProxyPass $to", '</Location>',
    '<Location /guarded>', @GUARD, "ProxyPass $to", '</Location>',
    '<Location /token>', @GUARD, 'CloudEPTokenCookie access', "ProxyPass $to", '</Location>',
    'Header echo ^Cookie$',
];
make_path("$docs/cgi");
spew("$docs/cgi/index.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nenv\n");
chmod 0755, "$docs/cgi/index.cgi";
spew("$docs/cgi/parts.shtml", '<!--#include virtual="index.cgi" -->');
$server->start;
my $client = client(server => $server, watch => undef);

# What a backend behind a path sees.
sub seen {
    my ($cookie, $path) = @_;
    return ($client->with(token => $member->{access})->get($path // '/open/', Cookie => $cookie)->body =~ /^(?:HTTP_COOKIE=|Cookie: )(.*?)\r?$/m)[0];
}

for my $path (qw(/open/ /guarded/ /cgi/index.cgi /cgi/ /cgi/parts.shtml)) {
    is(seen('a=1; cloudep=x; b=2', $path), 'a=1; b=2', "$path sees cookies of its own");
    is(seen('cloudep=x', $path), undef, 'and none of ours');
}
is($client->get('/open/', Cookie => 'cloudep=x; a=1')->header('Cookie'), 'a=1', 'another module of httpd does not see them either');
is(seen('cloudep-visitor=x; a=1'), 'a=1', 'nor the visitor\'s');
is(seen('a=1;cloudep-pending=x;cloudep-enter=y;b=2'), 'a=1;b=2', 'nor what else we set');
is(seen('a=1; __Host-cloudep=x, __Host-cloudep-browser=y, b=2'), 'a=1; b=2', 'however they are joined');
is(seen("__HOST-CLOUDEP=x; __Host-cloudep-anything=y;a=1"), 'a=1', 'or written');
is(seen('__Host-cloudepx=1; xcloudep=2; cloudep2=3; x__Host-cloudep=4'), '__Host-cloudepx=1; xcloudep=2; cloudep2=3; x__Host-cloudep=4', 'what is only called alike stays');
is(seen('a="x y";b;=c; cloudep = x'), 'a="x y";b;=c', 'and what is no proper cookie');
is(seen('a="x y" ; b=c;'), 'a="x y" ; b=c;', 'without ours nothing changes');
is(seen('XSRF-TOKEN=theirs; a=1'), 'XSRF-TOKEN=theirs; a=1', 'an XSRF cookie of the application\'s own stays');
is(seen('XSRF-TOKEN=ce1.abc; a=ce1.abc'), 'a=ce1.abc', 'ours does not');
is($client->get('/token/', Cookie => "cloudep=x; access=$member->{access}")->status, 200, 'the cookie of CloudEPTokenCookie goes on to count');
$server->stop;

# Where the issuer is https, the short names are the application's.
my $https = own_server(values => { CloudEPIssuer => 'https://id.example.com' }, with => ['<Location /open>', "ProxyPass $to", '</Location>'])->start;
$client = client(server => $https, watch => undef);
is(seen('cloudep=1; __Host-cloudep=x; cloudep-visitor=2'), 'cloudep=1; cloudep-visitor=2', 'with https only names with the prefix are ours');
finish();
