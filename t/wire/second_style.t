# A second API style on the same flows: its table, its field names, its answers (second_style.c), served by the dispatcher.
use strict;
use warnings;
use CloudEP::Test;

my $server = own_server(with => ["LoadModule second_style_module \"$ENV{CLOUDEP_BUILD}/mod_second_style.so\"",
        '<Location /second>', 'SetHandler second-style', 'Require all granted', '</Location>'])->start;
my $member = register_member(server => $server);
my $client = client(server => $server, watch => undef);

# The answer's status and object.
sub answers {
    my ($answer, $status, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($answer->status, $status, "$name: status");
    is_deeply($answer->json, $expected, "$name: answer");
    is($answer->header('Cache-Control'), 'no-store', "$name: is not kept");
}

my %form = (company => $member->{slug}, mail => $member->{email}, phrase => $member->{password});
answers($client->post('/second/enter', { %form, phrase => 'not the password' }), 401, { failure => 'credentials_wrong' }, 'a wrong password');
answers($client->post('/second/enter', { %form, company => 'nowhere' }), 422, { failure => 'tenant_unknown' }, 'an unknown tenant');
answers($client->post('/second/enter', { mail => 'x' }), 422,
    { failure => 'field_missing', company => 'required', phrase => 'required', mail => 'format' }, 'faults of fields, by the names of this style');
answers($client->post('/second/nowhere', {}), 404, { failure => 'path_unknown' }, 'a path that is not in the table');
is($client->get('/second/enter')->header('Allow'), 'OPTIONS, POST', 'another method is told those of the table');

my $entered = $client->post('/second/enter', \%form);
is(join(' ', sort keys %{ $entered->json }), 'pass renewal', 'the right password gets the two tokens of this style');
my ($pass, $renewal) = map { secret($_) } @{ $entered->json }{qw(pass renewal)};
my $profile = client(server => $server, token => $pass)->get('/api/v1/members/me');
is($profile->data->{uid}, $member->{uid}, 'its access token is good in the first style');

answers($client->request(PUT => '/second/name', { called => 'Ada' }), 401, { failure => 'token_missing' }, 'without a token');
my $as = $client->with(token => $pass);
answers($as->request(PUT => '/second/name', { called => 'Ada' }), 200, { called => 'Ada', mail => $member->{email} }, 'with one');
answers($as->request(PUT => '/second/name', { called => 'A' x 21 }), 422, { failure => 'field_invalid', called => 'length' }, 'a name that is too long');
is($member->{client}->get('/api/v1/members/me')->data->{display_name}, 'Ada', 'the first style shows what the second one wrote');

my $renewed = $client->post('/second/renew', { renewal => $renewal });
is(join(' ', sort keys %{ $renewed->json }), 'pass renewal', 'the refresh token gets the next two');
secret($_) for values %{ $renewed->json };
answers($client->post('/second/renew', { renewal => $pass }), 401, { failure => 'refresh_token_invalid' }, 'an access token does not');
outcome(client(server => $server)->post('/api/v1/auth/token/refresh', { refresh_token => $renewed->json->{renewal} }), 200, 102000,
    'its refresh token is good in the first style');
finish();
