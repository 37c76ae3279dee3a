# An https issuer and a request without TLS: refused, unless httpd or a proxy that is named says that TLS ended before.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(free_port run);
use CloudEP::Test;

my $member = register_member();
my $folder = CloudEP::Test::Servers::own_folder('tls');
run(undef, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=id.example.com -keyout), "$folder/key.pem", '-out', "$folder/cert.pem");
my ($tls, $behind) = (free_port(), free_port());
my $server = own_server(
    values => { CloudEPIssuer => 'https://id.example.com' },
    with => [
        CloudEP::Httpd::module('ssl'), CloudEP::Httpd::module('socache_shmcb'), CloudEP::Httpd::module('remoteip'), 'RemoteIPHeader X-Forwarded-For', 'RemoteIPInternalProxy 127.0.0.0/8',
        "Listen 127.0.0.1:$tls", "Listen 127.0.0.1:$behind",
        "<VirtualHost 127.0.0.1:$tls>", 'SSLEngine On', "SSLCertificateFile $folder/cert.pem", "SSLCertificateKeyFile $folder/key.pem", '</VirtualHost>',
        "<VirtualHost 127.0.0.1:$behind>", 'ServerName https://id.example.com', '</VirtualHost>',
    ],
)->start;
my $LOGIN = '/api/v1/auth/login';
my %wanted = (tenant_slug => $member->{tenant}{slug}, email => $member->{email}, password => $member->{password});
my $client = client(server => $server);
my @https = ('X-Forwarded-Proto' => 'https');

my $answer = $client->post($LOGIN, \%wanted);
outcome($answer, 403, 10505002, 'a login without TLS');
is($answer->json->{reason}, 'tls_required', 'its reason');
outcome($client->get('/api/v1/members/me'), 403, 10505002, 'the other API');
outcome($client->post($LOGIN, \%wanted, @https), 403, 10505002, 'X-Forwarded-Proto of somebody who is no proxy');
is($client->get('/.well-known/jwks.json')->status, 200, 'public keys are public');
is($client->get('/api/v1/auth/verify')->status, 401, 'verify is answered: proxies ask it in a private network');
my @told = $server->log =~ /cloudep:(\w+)\].*CE1460: a request without TLS is refused/g;
ok((grep { $_ eq 'warn' } @told) >= 1, 'the log warns');
is(scalar @told, 3, 'and has a line for each');

outcome(CloudEP::Client->new(port => $behind)->post($LOGIN, \%wanted), 200, 102000, 'a server whose name begins with https');
my $body = JSON::PP->new->canonical->encode(\%wanted);
my $said = run(undef, 'curl', '-sk', "https://127.0.0.1:$tls$LOGIN", '-H', 'Content-Type: application/json', '-d', $body);
is(JSON::PP->new->decode($said)->{code}, 102000, 'a login by TLS');
$server->stop;

$server->{values}{CloudEPTLSProxy} = '192.0.2.1 127.0.0.0/8';
$server->start;
outcome($client->post($LOGIN, \%wanted, @https), 200, 102000, 'a proxy that is named, and says https');
outcome($client->post($LOGIN, \%wanted, 'X-Forwarded-Proto' => 'http, HTTPS'), 200, 102000, 'the last word is the proxy\'s own');
outcome($client->post($LOGIN, \%wanted, 'X-Forwarded-Proto' => 'https,http'), 403, 10505002, 'the first a client\'s');
outcome($client->post($LOGIN, \%wanted), 403, 10505002, 'a named proxy that says nothing');
outcome($client->post($LOGIN, \%wanted, @https, 'X-Forwarded-For' => '198.51.100.7'), 200, 102000, 'the proxy counts, not the client that mod_remoteip found');
$server->stop;

$server->{values}{CloudEPTLSProxy} = '192.0.2.1 127.0.0.2';
$server->start;
outcome($client->post($LOGIN, \%wanted, @https), 403, 10505002, 'another address than those named');
outcome($client->post($LOGIN, \%wanted, @https, 'X-Forwarded-For' => '192.0.2.1'), 403, 10505002, 'nor does it help to claim a proxy\'s');
finish();
