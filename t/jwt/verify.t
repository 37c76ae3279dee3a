# Servers that verify our tokens by the public keys, by the very texts of doc/verify.md: jose, PyJWT and mod_auth_openidc take the
# access token, and nothing that is not meant for them.
use strict;
use warnings;
use CloudEP::Examples;
use CloudEP::Httpd;
use CloudEP::Jwt;
use CloudEP::Npm;
use CloudEP::Process qw(free_port run slurp spew);
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
    "LoadModule auth_openidc_module \"$modules/mod_auth_openidc.so\"", 'OIDCOAuthSSLValidateServer Off', '<Location /orders>', 'Header always set X-User "expr=%{REMOTE_USER}"', '</Location>',
    split(/\n/, example_of('verify', 'apache', 'OIDCOAuthVerifyJwksUri https://id.example.com' => "OIDCOAuthVerifyJwksUri https://127.0.0.1:$tls",
            'iss:https://id.example.com' => "iss:$issuer", '/etc/apache2/openidc.secret' => "$folder/secret")),
];
$server->start;

# jose and PyJWT in programs of a few lines, which print of each token whom they take it for.
symlink CloudEP::Npm::folder('oidc') . '/node_modules', "$folder/node_modules" or die $!;
spew("$folder/verify.mjs", example_of('verify', 'js', 'https://id.example.com' => $issuer));
spew("$folder/jose.mjs", "import { verify } from './verify.mjs';\n"
        . "for (const token of process.argv.slice(2))\n"
        . "    await verify(token).then(({ sub }) => console.log('accepted', sub), ({ code }) => console.log('refused', code));\n");
spew("$folder/verify.py", example_of('verify', 'python', 'https://id.example.com' => $issuer));
spew("$folder/pyjwt.py", <<'PYTHON');
import sys
import jwt
from verify import verify

for token in sys.argv[1:]:
    try:
        print('accepted', verify(token)['sub'])
    except jwt.PyJWTError as error:
        print('refused', type(error).__name__)
PYTHON
sub jose { return split /\n/, run(undef, 'node', "$folder/jose.mjs", @_) }
sub pyjwt { return split /\n/, run(undef, 'python3', "$folder/pyjwt.py", @_) }

# It is asked for a page that is not there: whoever gets through is told so.
sub openidc {
    my @answers = map { client(server => $server, watch => undef, token => $_)->get('/orders/1') } @_;
    return map { $_->status == 404 ? 'accepted ' . $_->header('X-User') : ($_->status =~ /^40[13]$/ ? 'refused ' : 'answered ') . $_->status } @answers;
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
    my @wrong = sort keys %wrong;
    my ($ours, $alike, $of_signed, @refused) = $verifiers{$name}->($member->{access}, $forge->token, $signed, @wrong{@wrong});
    like($ours, qr/^accepted \Q$member->{uid}\E$/, "$name accepts the access token, and learns the member");
    like($alike, qr/^accepted/, 'and one that is made as ours are');
    like($refused[$_] // '', qr/^refused/, "$name refuses $wrong[$_]") for 0 .. $#wrong;
    my $takes = $name eq 'mod_auth_openidc' ? 'accepted' : 'refused';
    like($of_signed, qr/^$takes/, "$name: a refresh token of CloudEPRefreshTokens signed is $takes, as the document says");
}

# ---- what looks for the keys by the metadata
my $metadata = client(server => $server)->get('/.well-known/oauth-authorization-server')->json;
is($metadata->{issuer}, $claims->{iss}, 'the issuer of the metadata is that of the tokens');
is(client(server => $server)->get($metadata->{jwks_uri} =~ s/^\Q$issuer\E//r)->json->{keys}[0]{kid}, $header->{kid}, 'and the keys are where it says');

expect_log(qr/oidc_|AH01630|AH01631|AH00128|AH01797/);
finish();
