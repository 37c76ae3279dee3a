# TRACE and "OPTIONS *", which httpd answers before it knows of a guard, tell nobody that they may pass.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Process qw(spew);
use CloudEP::Test;

my $member = register_member(tenant => tenant());
my $to = CloudEP::Backend->start;
my $url = $to->url;
my @GUARD = ('AuthType CloudEP', 'AuthName x', 'Require valid-user');
my @PLACES = ('<Location /guarded>', @GUARD, '</Location>', '<Location /app>', @GUARD, "ProxyPass $url", '</Location>', "ProxyPass /open $url");

# What a server says to a request line; "METHOD target".
sub says {
    my ($server, $line, $who) = @_;
    my $token = $who ? "Authorization: Bearer $who->{access}\r\n" : '';
    return client(server => $server, watch => undef)->raw("$line HTTP/1.1\r\nHost: x\r\nConnection: close\r\n$token\r\n");
}
sub status { my ($text) = says(@_) =~ m{\AHTTP/1.1 (\d+)}; return $text }

for my $setting (['as httpd has it', 'On'], ['extended', 'extended'], ['off', 'Off']) {
    my ($name, $value) = @$setting;
    my $server = own_server(values => { CloudEPIssuer => server()->url }, with => [@PLACES, "TraceEnable $value"])->start;
    spew("$server->{dir}/htdocs/page", 'page');
    for my $path (qw(/ /page /guarded/x /open/x /api/v1/auth/login /api/v1/auth/verify /.well-known/jwks.json http://x/page)) {
        my $answer = says($server, "TRACE $path", $member);
        like($answer, qr{\AHTTP/1.1 405 }, "TraceEnable $name: TRACE $path is 405");
        unlike($answer, qr/Bearer \Q$member->{access}\E/, 'and repeats no token');
        unlike($answer, qr/^Allow:.*TRACE/mi, 'and Allow has no TRACE');
    }
    is(status($server, "TRACE /app/x", $_), 405, "TraceEnable $name: TRACE of what is guarded and proxied") for $member, undef;
    is(status($server, 'OPTIONS *'), 200, 'OPTIONS * is answered where the server is open');
    unlike(says($server, 'OPTIONS /page'), qr/^Allow:.*TRACE/mi, 'OPTIONS tells of no TRACE');
}

my $all = own_server(values => { CloudEPIssuer => server()->url },
    with => ['TraceEnable On', '<Location />', @GUARD, 'CloudEPPreflight On', 'RewriteEngine On', 'RewriteRule ^ - [R=200]', '</Location>'])->start;
for my $method (qw(GET HEAD POST OPTIONS TRACE PROPFIND CONNECT options BREW)) {
    unlike(says($all, "$method $_"), qr{\AHTTP/1.1 2}, "where all is guarded, $method $_ passes for nobody") for '*', '/', '/x', 'x', '//', 'http://x/', 'x:80';
}
is(status($all, 'OPTIONS *'), 405, 'OPTIONS * is 405 there');
is(status($all, 'OPTIONS /', $member), 200, 'a member passes');
is(status($all, 'TRACE /', $member), 405, 'and not with TRACE');

my $off = own_server(without => ['CloudEPDatabase'], with => ['TraceEnable On'])->start;
is(status($off, 'TRACE /'), 200, 'without CloudEPDatabase TRACE is httpd\'s');

# The configuration shipped closes it for other servers, and has times for slow clients.
my $shipped = server()->configuration;
like($shipped, qr/^TraceEnable Off$/m, 'httpd.conf.d/cloudep.conf has TraceEnable Off');
like($shipped, qr/^\s*RequestReadTimeout \S/m, 'and RequestReadTimeout');

expect_log(qr/AH01630|AH01631|AH00026|AH00135|AH10244|AH00126|AH00127|AH00130|AH00128|AH00036|AH02423|AH02429|AH03460|CE\d+: not configured|[Ii]nvalid/);
finish();
