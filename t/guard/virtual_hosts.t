# One configuration for the main server: a virtual host guards by its settings without serving the API, and the one with
# cloudep-api.conf serves it.
use strict;
use warnings;
use CloudEP::Process qw(free_port spew);
use CloudEP::Test;
use File::Path qw(make_path);

my ($api) = CloudEP::Server::served();
my ($app, $id) = (free_port(), free_port());
my $server = own_server(
    values => { CloudEPIssuer => server()->url },
    with => [
        "Listen 127.0.0.1:$app", "Listen 127.0.0.1:$id",
        "<VirtualHost 127.0.0.1:$app>", 'ServerName app.example', '<Location /guarded>', 'AuthType CloudEP', 'AuthName "members"', 'Require valid-user', '</Location>',
        '</VirtualHost>', "<VirtualHost 127.0.0.1:$id>", 'ServerName id.example', split(/\n/, $api), '</VirtualHost>',
    ],
    served => 0,
);
$server->prepare;
make_path("$server->{dir}/htdocs");
spew("$server->{dir}/htdocs/guarded", 'for members');
$server->start;
my $member = register_member();
my ($at_app, $at_id) = map { CloudEP::Client->new(port => $_, token => $member->{access}) } $app, $id;

is($at_app->get('/guarded')->status, 200, 'a member passes in the virtual host without settings of its own');
is(CloudEP::Client->new(port => $app)->get('/guarded')->status, 401, 'nobody else does');
is($at_app->get($_)->status, 404, "$_ is not served there") for qw(/api/v1/members/me /api/v1/auth/login /.well-known/jwks.json);
outcome($at_id->get('/api/v1/members/me'), 200, 102000, 'the API is served where cloudep-api.conf is included');
is($at_id->get('/.well-known/jwks.json')->status, 200, 'as are the public keys');
is(client(server => $server, watch => undef)->get('/api/v1/members/me')->status, 404, 'and not at the main server');
unlike($server->log, qr/CE10: (?:app|id)\.example/, 'neither is said to lack something of its own');
finish();
