# The backend believes the identity headers: nobody but us can set them, take them away, or get hold of the token.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Test;

my $tenant = tenant();
my $member = register_member(tenant => $tenant);
my $backend = CloudEP::Backend->start;
my $to = $backend->url;

my @GUARD = ('AuthType CloudEP', 'AuthName x', 'AuthzSendForbiddenOnFailure On');
sub location { my ($path, @lines) = @_; return ("<Location $path>", @lines, "ProxyPass $to", '</Location>') }
my $server = own_server(values => { CloudEPIssuer => server()->url }, with => [
        location('/app', @GUARD, 'Require valid-user', 'CloudEPIdentityHeaders On', 'CloudEPPreflight On'),
        location('/quiet', @GUARD, 'Require valid-user'),
        location('/open'),
        location('/optional', @GUARD, 'Require all granted', 'CloudEPTokenOptional On', 'CloudEPIdentityHeaders On', 'CloudEPStripToken On'),
        location('/bare', @GUARD, 'Require valid-user', 'CloudEPStripToken On', 'CloudEPTokenCookie access', 'CloudEPTokenOrigin https://app.example http://[::1]:8080'),
        location('/merged', @GUARD, 'Require valid-user', 'CloudEPIdentityHeaders On'),
        'MergeTrailers On',
])->start;

my %TRUE = ('X-CloudEP-UID' => $member->{uid}, 'X-CloudEP-Tenant' => $tenant->{slug}, 'X-CloudEP-AMR' => 'otp');

sub as { my ($who) = @_; return client(server => $server, watch => undef, token => $who ? $who->{access} : undef) }

# What the backend got of a request with these header lines: name in lower case => values.
sub arrives {
    my ($who, $path, @lines) = @_;
    my $bytes = as($who)->bytes(GET => $path);
    my $answer = as()->raw($bytes =~ s/\r\n\r\n\z/join '', "\r\n", map { "$_\r\n" } @lines, ''/er);
    my ($status, $head) = $answer =~ m{\AHTTP/1\.1 (\d+).*?\r\n\r\n(.*)}s;
    my %got = (status => [$status]);
    push @{ $got{ lc $1 } }, $2 while $head =~ /^([^\s:]+): (.*?)\r$/mg;
    return \%got;
}

# ---- spellings: a CGI reads every byte that is no letter or digit as "_", and no case
my @spellings = map { my $name = $_; ($name, lc $name, uc $name, map { $name =~ s/-/$_/gr } '_', '.', '!', '~', '*', "'", '|', '^', '`', '#', '$', '%', '&', '+') }
    qw(X-CloudEP-UID X-CloudEP-Tenant X-CloudEP-Session X-CloudEP-AMR);
for my $path (qw(/app/ /quiet/ /open/ /optional/)) {
    my @wrong;
    for my $name (@spellings) {
        my $got = arrives($path =~ /app|quiet/ ? $member : undef, $path, "$name: admin");
        push @wrong, "$name: " . join ' ', map { "$_ @{ $got->{$_} }" } grep { "@{ $got->{$_} }" =~ /admin/ } sort keys %$got if grep { "@$_" =~ /admin/ } values %$got;
        push @wrong, "$name: status $got->{status}[0]" if $got->{status}[0] !~ /^(?:200|400)$/;
    }
    is_deeply(\@wrong, [], "$path: no spelling of a spoofed header arrives");
}
my $all = arrives($member, '/app/', (map { "$_: admin" } @spellings[0 .. 15]), 'X-CloudEP-UID: root', 'X-Other: kept');
is_deeply($all->{ lc $_ }, [$TRUE{$_}], "$_ is there once, and ours") for sort keys %TRUE;
is_deeply($all->{'x-other'}, ['kept'], 'other headers stay');
is_deeply(arrives($member, '/app/', 'X-CloudEP-UIDs: a', 'X-CloudEP-UI: b', 'X-CloudEP: c', 'Y-CloudEP-UID: d')->{ $_->[0] }, [$_->[1]], "so does $_->[0]")
    for ['x-cloudep-uids', 'a'], ['x-cloudep-ui', 'b'], ['x-cloudep', 'c'], ['y-cloudep-uid', 'd'];

# ---- what Connection names, a proxy drops: not ours
for my $connection ('X-CloudEP-UID', 'close, X-CloudEP-UID, X-CloudEP-Tenant, X-CloudEP-AMR', 'x-cloudep-uid,x-cloudep-tenant;X-CLOUDEP-AMR', "X-CloudEP-UID \t X-CloudEP-Tenant,,",
    'keep-alive, close,X_CloudEP_UID', '"a", X-CloudEP-UID') {
    my $got = arrives($member, '/app/', "Connection: $connection", 'Connection: X-CloudEP-Tenant');
    is_deeply($got->{ lc $_ }, [$TRUE{$_}], "$_ arrives in spite of Connection: $connection") for sort keys %TRUE;
}
my $dropped = arrives($member, '/app/', 'Connection: X-Hop, X-CloudEP-UID', 'X-Hop: a', 'X-End: b');
is_deeply([@{$dropped}{qw(x-hop x-end)}], [undef, ['b']], 'what else it names is dropped as ever');
like(as()->raw(as($member)->with(token => $member->{access})->bytes(GET => '/app/', undef, Connection => 'X-CloudEP-UID')
            . as($member)->bytes(GET => '/app/')), qr{\AHTTP/1\.1 200 .*HTTP/1\.1 200 }s, 'and the connection stays open, as it was asked');

# ---- trailers come when all is decided
my $chunked = join "\r\n", "POST /merged/ HTTP/1.1", 'Host: x', 'Connection: close', "Authorization: Bearer $member->{access}", 'Transfer-Encoding: chunked',
    'Trailer: X-CloudEP-UID', '', '2', '{}', '0', 'X-CloudEP-UID: admin', '', '';
my $trailed = as()->raw($chunked);
like($trailed, qr{^X-CloudEP-UID: \Q$member->{uid}\E\r$}m, 'a trailer is no header');
unlike($trailed, qr/admin/, 'and does not arrive');

# ---- nobody has no identity
is_deeply([grep { /^x-cloudep/ } keys %{ arrives(undef, '/optional/') }], [], 'an anonymous request tells of nobody');
is_deeply(arrives($member, '/optional/')->{'x-cloudep-uid'}, [$member->{uid}], 'a member\'s of the member');
is_deeply([grep { /^x-cloudep/ } keys %{ arrives($member, '/quiet/') }], [], 'where the headers are off, of nobody');

# ---- CloudEPStripToken: header and cookie
my $token = $member->{access};
for my $case (['header', $member], ['cookie', undef, "Cookie: access=$token"], ['cookie among others', undef, "Cookie: a=b; access=$token; c=d"],
    ['header and cookie', $member, "Cookie: a=b; access=$token"], ['header and cookie twice', $member, "Cookie: access=$token; access=$token"],
    ['header and two lines', $member, "Cookie: a=b; access=$token", "Cookie: access=$token"]) {
    my ($name, $who, @lines) = @$case;
    my $got = arrives($who, '/bare/', @lines);
    is($got->{status}[0], 200, "token in $name: passes");
    is_deeply([grep { "@{ $got->{$_} }" =~ /\Q$token\E/ } sort keys %$got], [], 'and does not arrive');
}
is_deeply(arrives(undef, '/bare/', "Cookie: a=b; access=$token; c=d")->{cookie}, ['a=b; c=d'], 'other cookies do');
is(arrives(undef, '/bare/', "Cookie: access=$token", "Origin: $_->[0]")->{status}[0], $_->[1], "the cookie with Origin $_->[0]")
    for ['https://app.example', 200], ['http://[::1]:8080', 200], ['https://app.example:443', 401], ['http://app.example', 401], ['https://app.example.evil', 401],
    ['null', 401], ['', 401], ['https://APP.example', 401];
is(as()->request(HEAD => '/bare/', undef, Cookie => "access=$token")->status, 200, 'HEAD is like GET');
is(as()->request($_ => '/bare/', undef, Cookie => "access=$token")->status, 401, "$_ without an Origin is not") for qw(PUT PATCH DELETE OPTIONS PROPFIND);
is(arrives(undef, '/bare/', $_ . $token)->{status}[0], 401, "no token: $_...") for 'Cookie: Access=', 'Cookie: x=access=', 'X-Cookie: access=',
    'Cookie: access=x; access=', 'Cookie2: $Version=1; acces=', 'Cookie: access=; ';
is(arrives(undef, '/bare/', "Cookie: access=$token; access=x")->{status}[0], 401, 'nor one beside another');

# ---- preflights
my @preflight = ('Origin: https://app.example', 'Access-Control-Request-Method: PUT');
my $request = "OPTIONS /app/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
my $passed = as()->raw(join "\r\n", $request . $preflight[0], $preflight[1], 'X-CloudEP-UID: admin', '', '');
like($passed, qr{\AHTTP/1\.1 200 }, 'a preflight passes');
unlike($passed, qr/X-CloudEP/i, 'as nobody');
like(as()->raw("$request$_\r\n\r\n"), qr{\AHTTP/1\.1 401 }, "half of one does not: $_") for @preflight;

expect_log(qr/AH00011|[Dd]uplicate/);
finish();
