# No cache gives one client what another was answered behind a guard: mod_cache in the same httpd, set to store all it can,
# and nginx in front of it, told to store everything; for every way in, method, status and what the application says.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Browser;
use CloudEP::Edge;
use CloudEP::Httpd;
use CloudEP::Process qw(free_port spew);
use CloudEP::Test;
use File::Path qw(make_path);

my $tenant = tenant();
my ($one, $two) = map { register_member(tenant => $tenant) } 1, 2;

# The application: /way/STATUS/SAYS/... is answered with that status and those headers, for whom, and never twice alike.
my %SAYS = (
    nothing => [], public => ['Cache-Control: public, max-age=3600'], shared => ['Cache-Control: s-maxage=3600', 'Vary: Accept'],
    revalidate => ['Cache-Control: max-age=3600, must-revalidate'], expires => ['Expires: Thu, 01 Jan 2037 00:00:00 GMT'],
    accel => ['X-Accel-Expires: 3600', 'Surrogate-Control: max-age=3600', 'CDN-Cache-Control: max-age=3600'],
    listed => ['Cache-Control: private="Set-Cookie", max-age=3600', 'Vary: authorization'], strict => ['Cache-Control: no-store'],
);
my $count = 0;
my $backend = CloudEP::Backend->start(sub {
        my ($head) = @_;
        my ($status, $says) = $head =~ m{^\S+ /(\d+)/(\w+)/};
        my ($uid) = $head =~ /^X-CloudEP-UID: (\S+)\r$/mi;
        my $body = 'for ' . ($uid // 'nobody') . ', ' . ++$count;
        my %line = (200 => '200 OK', 206 => '206 Partial Content', 304 => '200 OK', 404 => '404 Not Found');
        my @range = $status == 206 ? 'Content-Range: bytes 0-' . (length($body) - 1) . '/1000' : ();
        my @headers = ('Content-Type: text/plain', 'ETag: "e"', 'Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT', @{ $SAYS{$says} }, @range);
        return $status == 304 && $head =~ /^If-None-Match:/mi ? ('304 Not Modified', \@headers, '') : ($line{$status}, \@headers, $body);
});
my $to = $backend->url =~ s{/$}{}r;

# ---- the ways in
sub by_header { my ($who) = @_; return $who ? (Authorization => "Bearer $who->{access}") : () }
sub by_cookie { my ($who) = @_; return $who ? (Cookie => "access=$who->{access}") : () }
sub by_session { my ($who) = @_; return $who ? (Cookie => "cloudep=$who->{session}") : () }

# Name, path, headers of a member or of nobody, and the statuses that are tried.
my @WAYS = (
    ['session cookie', '/session', \&by_session, 200, 404], ['session cookie, CloudEPTokenOptional', '/maybe', \&by_session, 200, 404],
    ['bearer', '/bearer', \&by_header], ['token cookie', '/cookie', \&by_cookie], ['bearer, CloudEPStripToken', '/strip', \&by_header],
    ['token cookie, CloudEPStripToken', '/strip', \&by_cookie], ['bearer, CloudEPTokenOptional', '/optional', \&by_header],
    ['token cookie, CloudEPTokenOptional', '/optional', \&by_cookie], ['bearer, optional and stripped', '/both', \&by_header],
    ['token cookie, optional and stripped', '/both', \&by_cookie],
);
sub location {
    my ($path, @lines) = @_;
    return ("<Location $path>", 'AuthType CloudEP', 'AuthName x', 'CloudEPIdentityHeaders On', @lines, "ProxyPass $to", '</Location>');
}
my @COOKIE = ('CloudEPTokenCookie access');
my @SESSION = ('CloudEPSessionCookie On', 'CloudEPLoginPage /login/');
my @OPTIONAL = ('Require all granted', 'CloudEPTokenOptional On');
my @PLACES = (
    location('/bearer', 'Require valid-user'), location('/cookie', 'Require valid-user', @COOKIE),
    location('/strip', 'Require valid-user', @COOKIE, 'CloudEPStripToken On'), location('/optional', @OPTIONAL, @COOKIE),
    location('/session', @SESSION, 'Require valid-user'), location('/maybe', @SESSION, @OPTIONAL),
    '<Location /account/api/auth>', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie', 'Require all granted', '</Location>',
    '<Location /account/api/members>', 'CloudEPServe members', 'CloudEPTokenDelivery cookie', 'Require all granted', '</Location>',
    location('/both', @OPTIONAL, @COOKIE, 'CloudEPStripToken On'), '<Location /open>', "ProxyPass $to", '</Location>',
);

# ---- the caches
sub httpd {
    my (@lines) = @_;
    my $server = own_server(values => { CloudEPIssuer => server()->url },
        with => [(map { CloudEP::Httpd::module($_) } qw(cache cache_disk socache_shmcb cache_socache)), @PLACES, @lines]);
    make_path("$server->{dir}/cache");
    s/FOLDER/$server->{dir}/ for @{ $server->{with} };
    return $server->start;
}
my @GREEDY = ('CacheStorePrivate On', 'CacheStoreNoStore On', 'CacheIgnoreCacheControl On', 'CacheStoreExpired On', 'CacheIgnoreNoLastMod On');
my @DISK = ('CacheRoot FOLDER/cache', 'CacheEnable disk /', @GREEDY);
my @SHARED = ('CacheSocache shmcb:FOLDER/cache/shared(512000)', 'CacheEnable socache /', @GREEDY);
my %caches = (
    'mod_cache_disk, quick handler' => httpd('CacheQuickHandler On', @DISK)->port,
    'mod_cache_disk, in its place' => httpd('CacheQuickHandler Off', @DISK)->port,
    'mod_cache_socache, quick handler' => httpd('CacheQuickHandler On', @SHARED)->port,
    'mod_cache_socache, in its place' => httpd('CacheQuickHandler Off', @SHARED)->port,
    'nginx in front' => nginx(httpd()->url),
);

sub nginx {
    my ($node) = @_;
    my ($dir, $port) = (CloudEP::Test::own_folder('nginx'), free_port());
    make_path("$dir/temp", "$dir/cache");
    spew("$dir/nginx.conf", <<"CONF");
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log stderr info;
events {}
http {
    access_log off;
@{[map { "    ${_}_temp_path $dir/temp;\n" } qw(client_body proxy fastcgi uwsgi scgi)]}
    proxy_cache_path $dir/cache keys_zone=pages:1m;
    server {
        listen 127.0.0.1:$port;
        location / {
            proxy_pass $node;
            proxy_cache pages;
            proxy_cache_valid any 1h;
            proxy_cache_key \$uri;
        }
    }
}
CONF
    CloudEP::Test::keep(CloudEP::Edge->new(program => 'nginx', arguments => ['-p', $dir, '-e', 'stderr', '-c', "$dir/nginx.conf"],
            port => $port, dir => $dir));
    return $port;
}

sub ask {
    my ($port, $method, $path, @headers) = @_;
    return CloudEP::Client->new(port => $port)->request($method, $path, undef, @headers);
}

# What is wrong with the headers of a guarded answer.
sub wrong_headers {
    my ($answer, $way, $says) = @_;
    my $control = $answer->header('Cache-Control') // '';
    my $vary = $answer->header('Vary') // '';
    my @wrong;
    push @wrong, "Cache-Control: $control" if $control !~ /(?:^|, )(?:private|no-store)(?:,|$)/ || $control =~ /public|s-maxage|private=/;
    push @wrong, "Vary: $vary" if $vary !~ /Authorization/i || ($way ne '/bearer' && $vary !~ /Cookie/) || ($says eq 'shared' && $vary !~ /Accept/);
    push @wrong, "$_ is there" for grep { defined $answer->header($_) } qw(X-Accel-Expires Surrogate-Control CDN-Cache-Control);
    return @wrong;
}

# A login by cookie: the cookie is good on every port of the host.
sub enter {
    my ($who) = @_;
    my $browser = CloudEP::Browser->new(client => CloudEP::Client->new(port => $caches{'mod_cache_disk, quick handler'}));
    $browser->get('/account/api/auth/xsrf');
    my $answer = $browser->post('/account/api/auth/login', { tenant_slug => $who->{slug}, email => $who->{email}, password => $who->{password} });
    $answer->status == 200 or die $answer->raw;
    $who->{session} = $browser->cookie('cloudep');
    return $browser;
}
my ($browser) = map { enter($_) } $one, $two;

my $page = 0;

# One page is asked for by a member, then by another, then by nobody, then by the first again.
sub wrong_of {
    my ($port, $way, $token, $method, $status, $says) = @_;
    my $path = "$way/$status/$says/" . ++$page;
    my @more = $status == 206 ? (Range => 'bytes=0-') : ();
    my $first = ask($port, $method, $path, $token->($one), @more);
    my @wrong = wrong_headers($first, $way, $says);
    push @wrong, 'the first was not answered' if $first->status == 401 || ($method eq 'GET' && $first->body !~ /^for \Q$one->{uid}\E/);
    if ($status == 304) {
        my $same = ask($port, 'GET', $path, $token->($one), 'If-None-Match' => '"e"');

        # nginx asks for a whole page when it may store it.
        push @wrong, 'to the repeated: ' . $same->raw if $same->status != 304 && $same->body !~ /^for \Q$one->{uid}\E/;
        push @wrong, map { "304 $_" } wrong_headers($same, $way, $says);
    }
    my @theirs = map { [$_, ask($port, 'GET', $path, $token->($_), @more), ask($port, 'HEAD', $path, $token->($_), @more)] } $two, undef, $one;
    my $open = $way =~ /optional|both|maybe/;
    for my $case (@theirs) {
        my ($who, $get, $head) = @$case;
        my $name = !$who ? 'nobody' : $who == $one ? 'the first again' : 'the second';
        my $for = $who ? $who->{uid} : 'nobody';
        push @wrong, "$name: " . $get->status if !$who && !$open && $get->status != 401;
        push @wrong, "$name: HEAD " . $head->status if !$who && !$open && $head->status != 401;
        push @wrong, "$name gets another's: " . $get->body if ($who || $open) && $get->body !~ /^for \Q$for\E, \d/;
        push @wrong, map { "$name: $_" } wrong_headers($get, $way, $who || $open ? $says : '');
    }
    push @wrong, 'the first gets a page again' if $method eq 'GET' && $theirs[2][1]->body eq $first->body;
    return map { "$method $path: $_" } @wrong;
}

for my $cache (sort keys %caches) {
    my $port = $caches{$cache};
    my @twice = map { ask($port, 'GET', '/open/200/public/x')->body } 1, 2;
    is($twice[0], $twice[1], "$cache: it does store what is not guarded");
    for my $row (@WAYS) {
        my ($name, $way, $token, @statuses) = @$row;
        for my $status (@statuses ? @statuses : (200, 206, 304, 404)) {
            my @wrong = map { my $says = $_; map { wrong_of($port, $way, $token, $_, $status, $says) } qw(GET HEAD) } sort keys %SAYS;
            is(join("\n", @wrong), '', "$cache, $name: each gets their own $status");
        }
    }
    for my $who ($one, $two, undef) {
        my $mine = ask($port, 'GET', '/api/v1/members/me', by_header($who));
        is($mine->status, $who ? 200 : 401, "$cache: the API answers " . ($who ? 'a member' : 'nobody'));
        is($mine->data->{uid}, $who->{uid}, 'with their own') if $who;
        is($mine->header('Cache-Control'), 'no-store', 'not to be kept');
        my $by_cookie = ask($port, 'GET', '/account/api/members/me', by_session($who));
        is($by_cookie->status . ' ' . ($by_cookie->json->{data}{uid} // ''), $who ? "200 $who->{uid}" : '401 ', 'the same by cookie');
    }
    my @navigation = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document');
    my @visits = map { ask($port, 'GET', '/session/200/public/visited', @navigation, by_session($_)) } undef, $one, undef, $two;
    is(join(' ', map { $_->status } @visits), '303 200 303 200', "$cache: whoever is not known is sent to the login page, and nobody else");
    like($visits[3]->body, qr/^for \Q$two->{uid}\E/, 'and gets a page of their own');
}

# ---- nothing is kept for whoever has logged out
is($browser->post('/account/api/auth/logout')->status, 200, 'a logout');
for my $cache (sort keys %caches) {
    my $port = $caches{$cache};
    is(ask($port, 'GET', '/session/200/public/visited', by_session($one))->status, 401, "$cache: the page from before is not shown");
    like(ask($port, 'GET', '/maybe/200/public/visited', by_session($one))->body, qr/^for nobody/, 'where everybody may pass they are nobody');
    is(ask($port, 'GET', '/account/api/members/me', by_session($one))->status, 401, 'nor does the API know them');
    like(ask($port, 'GET', '/session/200/public/visited', by_session($two))->body, qr/^for \Q$two->{uid}\E/, 'others are not concerned');
}

# ---- headers, to the letter
my $port = httpd('Header always set Cache-Control "public, max-age=60" "expr=%{REQUEST_URI} =~ /always/"',
    'Header set Cache-Control "public, s-maxage=60" "expr=%{REQUEST_URI} =~ /headers/"')->port;
my %EXACT = (
    nothing => 'private', public => 'private, max-age=3600', shared => 'private', revalidate => 'private, max-age=3600, must-revalidate',
    expires => 'private', listed => 'private, max-age=3600', strict => 'no-store',
);
for my $says (sort keys %EXACT) {
    is(ask($port, 'GET', "/bearer/200/$says/x", by_header($one))->header('Cache-Control'), $EXACT{$says}, "the application says $says");
}
is(ask($port, 'GET', '/bearer/200/nothing/always', by_header($one))->header('Cache-Control'), 'private, max-age=60', 'Header always does not open it');
is(ask($port, 'GET', '/bearer/200/nothing/headers', by_header($one))->header('Cache-Control'), 'private', 'nor does Header');
is(ask($port, 'GET', '/bearer/200/shared/x', by_header($one))->header('Vary'), 'Accept,Authorization', 'Vary has what the application says too');
is(ask($port, 'GET', '/bearer/200/listed/x', by_header($one))->header('Vary'), 'authorization', 'and nothing twice');
is(ask($port, 'GET', '/cookie/200/nothing/x', by_cookie($one))->header('Vary'), 'Authorization,Cookie', 'the cookie where it is read');
my $open = ask($port, 'GET', '/open/200/accel/x');
is(join(' ', map { $_ // '-' } map { $open->header($_) } qw(Cache-Control Vary X-Accel-Expires)), '- - 3600', 'what is not guarded stays as it is');

expect_log(qr/AH01630|AH01631|unable to include|AH01797|AH00765|AH02/);
finish();
