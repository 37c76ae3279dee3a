# The QR code of an enrolment: drawn as SVG or PNG, read back by zbar.
use strict;
use warnings;
use utf8;
use CloudEP::Process qw(run spew);
use CloudEP::Test;
use CloudEP::Totp;

my $me = '/api/v1/members/me/totp';
my $tenant = tenant();
my $issuer = 'Ümläut & Söhne: 王';
server->psql("UPDATE cloudep.tenants SET totp_issuer = :'issuer' WHERE slug = :'slug'", issuer => $issuer, slug => $tenant->{slug});
my $client = register_member(tenant => $tenant)->{client};
my $dir = CloudEP::Test::own_folder('picture');

# What zbar reads from a picture.
sub decoded {
    my ($file) = @_;
    return run(undef, 'zbarimg', '--quiet', '--raw', '--oneshot', $file) =~ s/\n\z//r;
}

# Draws the only shapes our SVG has, "Mx yhNv1h-Nz", as a bitmap that zbar reads.
sub bitmap {
    my ($svg) = @_;
    my ($size) = $svg =~ /viewBox="0 0 (\d+) \1"/ or die "no square viewBox\n";
    my ($path) = $svg =~ /<path d="([^"]*)"/ or die "no path\n";
    my @rows = map { '0' x $size } 1 .. $size;
    substr $rows[$2], $1, $3, '1' x $3 while $path =~ /M(\d+) (\d+)h(\d+)v1h-\3z/g;
    my $scale = 6;
    my $n = $size * $scale;
    return "P1\n$n $n\n" . join '', map { ((s/(.)/$1 x $scale/ger) . "\n") x $scale } @rows;
}

sub picture {
    my ($accept) = @_;
    my $answer = $client->get("$me/qr", Accept => $accept);
    is($answer->status, 200, "a picture for Accept: $accept");
    is($answer->header('cache-control'), 'no-store', 'not to be stored');
    is($answer->header('x-content-type-options'), 'nosniff', 'nor sniffed at');
    like($answer->header('vary'), qr{\bAccept\b}, 'chosen by Accept');
    return $answer;
}

outcome($client->get("$me/qr"), 404, 29301000, 'no picture without an enrolment');
outcome($client->with(token => undef)->get("$me/qr"), 401, 29501000, 'nor without a token');
my $started = $client->post("$me/enroll-start")->data;
my $url = $started->{otpauth_url};
secret(totp_secret_text($url));
is($started->{issuer}, $issuer, "the tenant's issuer");
like($url, qr/issuer=%C3%9Cml%C3%A4ut%20%26%20S%C3%B6hne%20%20%E7%8E%8B&/, 'is escaped in the URL');

my $png = picture('image/png');
is($png->header('content-type'), 'image/png', 'PNG');
spew("$dir/qr.png", $png->body);
is(decoded("$dir/qr.png"), $url, 'zbar reads the URL from it');
my $svg = picture('image/svg+xml');
is($svg->header('content-type'), 'image/svg+xml', 'SVG');
spew("$dir/qr.pbm", bitmap($svg->body));
is(decoded("$dir/qr.pbm"), $url, 'zbar reads the same from it');
unlike($svg->body, qr/<script|<image|href/, 'it is nothing but shapes');

for (
    ['*/*', 'svg+xml'], ['image/*', 'svg+xml'], ['image/png, image/svg+xml;q=0.5', 'png'], ['image/png;q=0.2,image/*', 'svg+xml'],
    ['image/svg+xml;q=0, */*;q=0.1', 'png'], ['text/html, IMAGE/PNG;level=1;q=0.9, */*;q=0.8', 'png'], ['application/json', 'svg+xml'],
    ['image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8', 'svg+xml'], [',;,q=1;;', 'svg+xml'],
    ['image/png;q=0.501, image/svg+xml;q=0.5', 'png'], ['image/png;q=1.000, image/svg+xml;q=0.9999', 'png'],
    ['image/png;q=9, image/svg+xml;q=0.1', 'svg+xml'], ['image/png;q=x, image/svg+xml;q=0.001', 'svg+xml'],
) {
    my ($accept, $type) = @$_;
    is($client->get("$me/qr", Accept => $accept)->header('content-type'), "image/$type", "Accept: $accept");
}
is($client->request('HEAD', "$me/qr")->header('content-type'), 'image/svg+xml', 'HEAD works');
is($client->request('HEAD', "$me/qr")->body, '', 'without the picture');
outcome($client->post("$me/qr"), 405, 10105000, 'it is only to be read');

server->psql("UPDATE cloudep.totp SET pending_expires_at = now() WHERE pending_secret IS NOT NULL AND tenant_id ="
        . " (SELECT id FROM cloudep.tenants WHERE slug = :'slug')", slug => $tenant->{slug});
outcome($client->get("$me/qr"), 404, 29301000, 'it goes with the enrolment');
$client->post("$me/enroll-start");
server->psql("UPDATE cloudep.tenants SET totp_issuer = repeat('王', 120) WHERE slug = :'slug'", slug => $tenant->{slug});
is($client->get("$me/qr", Accept => 'image/png')->status, 200, 'a very long issuer still fits');
expect_log(qr/drawing a QR code failed/);
server->psql("UPDATE cloudep.tenants SET totp_issuer = repeat('王', 400) WHERE slug = :'slug'", slug => $tenant->{slug});
outcome($client->get("$me/qr"), 500, 29601000, 'one that does not is told');
server->psql("UPDATE cloudep.tenants SET totp_issuer = NULL WHERE slug = :'slug'", slug => $tenant->{slug});
my $secret = totp_secret($client->post("$me/enroll-start")->data->{otpauth_url});
$client->post("$me/enroll-confirm", { code => totp_code($secret) });
outcome($client->get("$me/qr"), 404, 29301000, 'once confirmed it is never shown again');

finish();
