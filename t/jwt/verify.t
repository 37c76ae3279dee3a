# Servers that verify our tokens by the public keys, by the very texts of doc/verify.md: jose, PyJWT and mod_auth_openidc take the
# access token, and nothing that is not meant for them.
use strict;
use warnings;
use CloudEP::Examples;
use CloudEP::Httpd;
use CloudEP::Jwt;
use CloudEP::Npm;
use CloudEP::Process qw(capture free_port run slurp spew);
use CloudEP::Test;

# mod_auth_openidc reads a JWKS by https only.
my $folder = CloudEP::Test::own_folder('verify');
my $tls = free_port();
run(undef, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext), 'subjectAltName=IP:127.0.0.1',
    '-keyout', "$folder/key.pem", '-out', "$folder/cert.pem");
spew("$folder/secret", "none-of-its-cookies-are-used\n");
my $modules = CloudEP::Httpd::apxs('LIBEXECDIR');
my $server = own_server();
my $issuer = $server->url;
$server->{with} = [
    "LoadModule ssl_module \"$modules/mod_ssl.so\"", "Listen 127.0.0.1:$tls",
    "<VirtualHost 127.0.0.1:$tls>", 'SSLEngine on', "SSLCertificateFile $folder/cert.pem", "SSLCertificateKeyFile $folder/key.pem", '</VirtualHost>',
    "LoadModule auth_openidc_module \"$modules/mod_auth_openidc.so\"", 'OIDCOAuthSSLValidateServer Off',
    split(/\n/, example_of('verify', 'apache', 'OIDCOAuthVerifyJwksUri https://id.example.com' => "OIDCOAuthVerifyJwksUri https://127.0.0.1:$tls",
            'iss:https://id.example.com' => "iss:$issuer", '/etc/apache2/openidc.secret' => "$folder/secret")),
];
$server->start;

# jose and PyJWT in programs of three lines, which print whom they take it for.
symlink CloudEP::Npm::folder('oidc') . '/node_modules', "$folder/node_modules" or die $!;
spew("$folder/verify.mjs", example_of('verify', 'js', 'https://id.example.com' => $issuer));
spew("$folder/jose.mjs", "import { verify } from './verify.mjs';\n"
        . "verify(process.argv[2]).then(({ sub }) => console.log('accepted', sub), ({ code }) => console.log('refused', code));\n");
spew("$folder/verify.py", example_of('verify', 'python', 'https://id.example.com' => $issuer));
spew("$folder/pyjwt.py", "import sys\nimport jwt\nfrom verify import verify\n"
        . "try:\n    print('accepted', verify(sys.argv[1])['sub'])\nexcept jwt.PyJWTError as error:\n    print('refused', type(error).__name__)\n");
sub jose { my ($token) = @_; return run(undef, 'node', "$folder/jose.mjs", $token) }
sub pyjwt { my ($token) = @_; return run(undef, 'python3', "$folder/pyjwt.py", $token) }

# It is asked for a page that is not there: whoever gets through is told so.
sub openidc {
    my ($token) = @_;
    my $status = client(server => $server, watch => undef, token => $token)->get('/orders/1')->status;
    return $status == 404 ? 'accepted' : $status =~ /^40[13]$/ ? "refused $status" : "answered $status";
}
my %verifiers = (jose => \&jose, PyJWT => \&pyjwt, mod_auth_openidc => \&openidc);

# ---- tokens, right and wrong
my $member = register_member(server => $server);
my ($key) = @{ JSON::PP->new->decode(slurp("$server->{keys}/signing.jwks"))->{keys} };
my ($header, $claims) = CloudEP::Jwt::parts($member->{access});
my $forge = CloudEP::Jwt->new(key => $key, header => { typ => $header->{typ} }, claims => $claims);
my $stranger = CloudEP::Jwt::generate($key->{alg});
my $now = time;
my %wrong = (
    'the refresh token' => $member->{refresh},
    'a token of another issuer' => $forge->token(claims => $forge->claims(iss => 'https://evil.example')),
    'one for another audience' => $forge->token(claims => $forge->claims(aud => 'somebody-else')),
    'one that has expired' => $forge->token(claims => $forge->claims(exp => $now - 600, iat => $now - 1200, nbf => $now - 1200, auth_time => $now - 1200)),
    'one of another key' => $forge->token(key => $stranger->{private}),
    'one that is not signed' => $forge->token(header => $forge->header(alg => 'none'), signature => ''),
);
my $signed = $forge->token(header => $forge->header(typ => 'rt+jwt'));
for my $name (sort keys %verifiers) {
    my $ask = $verifiers{$name};
    like($ask->($member->{access}), qr/^accepted/, "$name accepts the access token");
    like($ask->($forge->token), qr/^accepted/, 'and one that is made as ours are');
    like($ask->($wrong{$_}), qr/^refused/, "$name refuses $_") for sort keys %wrong;
    my $takes = $name eq 'mod_auth_openidc' ? 'accepted' : 'refused';
    like($ask->($signed), qr/^$takes/, "$name: a refresh token of CloudEPRefreshTokens signed is $takes, as the document says");
}
like($verifiers{$_}->($member->{access}), qr/^accepted \Q$member->{uid}\E$/, "$_ learns the member") for qw(jose PyJWT);

# ---- what looks for the keys by the metadata
my $metadata = client(server => $server)->get('/.well-known/oauth-authorization-server')->json;
is($metadata->{issuer}, $claims->{iss}, 'the issuer of the metadata is that of the tokens');
is(client(server => $server)->get($metadata->{jwks_uri} =~ s/^\Q$issuer\E//r)->json->{keys}[0]{kid}, $header->{kid}, 'and the keys are where it says');

expect_log(qr/oidc_|AH01630|AH01631|AH00128|AH01797/);
finish();
