# A guard that is set up wrongly: httpd says so and does not start, or nobody passes.
use strict;
use warnings;
use CloudEP::Process qw(spew);
use CloudEP::Test;
use File::Path qw(make_path);

my @GUARD = ('AuthType CloudEP', 'AuthName x');
sub location { my ($path, @lines) = @_; return ("<Location $path>", @lines, '</Location>') }

# ---- what stops the start, and what is said
for my $case (
    ['Require cloudep-tenant', qr/cloudep-tenant needs at least one tenant slug/],
    (map { ["Require not cloudep-tenant $_", qr/cloudep-tenant: .* is not the slug of a tenant/] } 'Acme', 'acme,widgets', 'acme "a b"', '-acme', 'acme "" widgets', 'a' x 64),
    ['Require cloudep-mfa', qr/cloudep-mfa needs a number of seconds/], (map { ["Require cloudep-mfa $_", qr/cloudep-mfa needs a number of seconds/] }
            '0', '-5', '5m', '300 600', '1.5', '""', '99999999999999999999', '0x10'),
    (map { ["Require cloudep-claim$_", qr/cloudep-claim needs a claim and its value/] } '', ' amr', ' amr mfa otp'),
    ['Require cloudep-claim email a@b.example', qr/cloudep-claim knows sub, tid, sid and amr/],
    (map { ["Require not cloudep-claim $_", qr/cloudep-claim sub, tid and sid need a UUID/] } 'sub me', 'tid acme', 'sid ""'),
    (map { ["Require not cloudep-claim $_", qr/cloudep-claim amr needs one word/] } 'amr ""', 'amr "otp pwd"', 'amr otp,pwd'),
    ['Require cloudep-role admin', qr/Unknown Authz provider: cloudep-role/],
    (map { ["CloudEPTokenOrigin $_", qr{CloudEPTokenOrigin takes scheme://host}] } 'https://app.example/', 'https://app.example/path', 'app.example', 'null', '*',
        'https://*.example', 'https://', '://x', 'https://a@app.example', 'https://app.example?x', 'https://good.example https://bad.example/'),
    ['CloudEPTokenOrigin https://App.example', qr/lower case/],
    (map { ["$_ Perhaps", qr/\Q$_\E must be On or Off/] } qw(CloudEPTokenOptional CloudEPIdentityHeaders CloudEPStripToken CloudEPPreflight)),
    ['CloudEPTokenCookie', qr/CloudEPTokenCookie takes one argument/], ['CloudEPTokenCookie "a b"', qr/CloudEPTokenCookie/],
    ['CloudEPTokenCookie a;b', qr/CloudEPTokenCookie/], ['CloudEPTokenCookie ""', qr/CloudEPTokenCookie/],
) {
    my ($line, $said) = @$case;
    my $server = own_server(with => [location('/x', @GUARD, $line)]);
    like($server->refuses_to_start // 'it starts', $said, $line);
}

# ---- what starts and lets nobody in
my $tenant = tenant();
my $member = register_member(tenant => $tenant);
sub passes {
    my ($server, $path, $who) = @_;
    return client(server => $server, watch => undef, token => $who ? $who->{access} : undef)->get($path)->status;
}
sub with_page {
    my ($server, @names) = @_;
    make_path(map { "$server->{dir}/htdocs/$_" } @names);
    spew("$server->{dir}/htdocs/$_/x", $_) for @names;
    return $server->start;
}
my $bare = with_page(own_server(without => [qw(CloudEPSigningKeys CloudEPDatabase)], with => [location('/x', @GUARD, 'Require valid-user')]), 'x');
is(passes($bare, '/x/x', $_), 500, 'without keys and database nobody passes') for undef, $member;
my $keyless = with_page(own_server(without => ['CloudEPSigningKeys'], with => [location('/x', @GUARD, 'Require valid-user')]), 'x');
is(passes($keyless, '/x/x', $_), 500, 'nor without keys') for undef, $member;

my $odd = with_page(own_server(values => { CloudEPIssuer => server()->url }, with => [
            location('/typeless', 'Require valid-user'), location('/tenantless', "Require cloudep-tenant $tenant->{slug}"), location('/basic', 'AuthType Basic', 'AuthName x',
                'AuthBasicProvider file', 'AuthUserFile /dev/null', "Require cloudep-tenant $tenant->{slug}"),
            location('/optional', @GUARD, 'CloudEPTokenOptional On', 'Require valid-user'), location('/case', 'AuthType cloudep', 'AuthName x', 'Require valid-user'),
            location('/quoted', @GUARD, qq(Require cloudep-claim "amr" "otp")),
            location('/part', @GUARD, 'Require cloudep-claim amr ot'), location('/capitals', @GUARD, 'Require cloudep-claim amr OTP'),
            location('/sub', @GUARD, "Require cloudep-claim sub \U$member->{uid}"),
            location('/tid', @GUARD, 'Require cloudep-claim tid ' . server()->value(q(SELECT id FROM cloudep.tenants WHERE slug = :'slug'), slug => $tenant->{slug})),
            location('/sid', @GUARD, 'Require cloudep-claim sid ' . server()->value(q(SELECT id FROM cloudep.sessions WHERE uid = :'uid'), uid => $member->{uid})),
            location('/slugs', @GUARD, "Require cloudep-tenant x $tenant->{slug} y"), location('/otherslugs', @GUARD, "Require cloudep-tenant x $tenant->{slug}y"),
            location('/mfa', @GUARD, 'Require cloudep-mfa 60'), location('/long', @GUARD, 'Require cloudep-mfa 100000'),
            location('/nomfa', @GUARD, '<RequireAll>', 'Require valid-user', 'Require not cloudep-mfa 60', '</RequireAll>'),
]), my @pages = qw(typeless tenantless basic optional case quoted part capitals sub tid sid slugs otherslugs mfa long nomfa));
my %expected = (
    typeless => '500 500', tenantless => '500 500', basic => '401 401', optional => '401 200', case => '401 200', quoted => '401 200',
    part => '401 401', capitals => '401 401', sub => '401 200', tid => '401 200', sid => '401 200', slugs => '401 200', otherslugs => '401 401',
    mfa => '401 401', long => '401 401', nomfa => '401 200',
);
for my $page (@pages) {
    is(join(' ', map { passes($odd, "/$page/x", $_) } undef, $member), $expected{$page}, "$page: nobody, and a member");
}

# ---- a second factor ages while the session goes on
for my $case ([0, '200 200 401'], [55, '200 200 401'], [65, '401 200 200'], [99_000, '401 200 200'], [101_000, '401 401 200']) {
    my ($age, $statuses) = @$case;
    server()->psql("UPDATE cloudep.sessions SET mfa_at = now() - make_interval(secs => :'age') WHERE uid = :'uid'", uid => $member->{uid}, age => $age);
    is(join(' ', map { passes($odd, "/$_/x", $member) } qw(mfa long nomfa)), $statuses, "a second factor $age seconds ago");
}

expect_log(qr/CE200|AH01614|AH01627|AH01630|AH01631|AH01617|AH01797|AH00027|AH03490|AH00025|configuration error|couldn't/);
finish();
