# CloudEPDevIdentityHeaders: off they mean nothing, on they are believed from loopback only, and the log warns.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Test;

my $me = '/api/v1/members/me';
my $member = register_member();
my $tenant = server->value("SELECT tenant_id FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid});
my @headers = ('X-Tenant-ID' => $tenant, 'X-UID' => $member->{uid});

outcome(client->get($me, @headers), 401, 29501000, 'off: they mean nothing');
unlike(server->log, qr/CE11:/, 'and nothing is said');

my $remoteip = CloudEP::Httpd::apxs('LIBEXECDIR') . '/mod_remoteip.so';
my $server = own_server(values => { CloudEPDevIdentityHeaders => 'On' }, with => ["LoadModule remoteip_module \"$remoteip\"",
        'RemoteIPHeader X-Forwarded-For', 'RemoteIPInternalProxy 127.0.0.0/8'])->start;
my $client = client(server => $server);
like($server->log, qr/:warn\].*CE11: CloudEPDevIdentityHeaders is On/, 'on: the log warns');
is(outcome($client->get($me, @headers), 200, 102000, 'on: they are believed')->data->{uid}, $member->{uid}, 'and name the member');
is($client->get($me, map { lc } @headers)->status, 200, 'in any case of letters');
is(outcome($client->patch($me, { display_name => 'Dev' }, @headers), 200, 102000, 'for every operation')->data->{display_name},
    'Dev', 'that changes something, too');
outcome($client->request(POST => '/api/v1/auth/logout', undef, @headers), 401, 28501000, 'there is no session to log out of');
outcome($client->get($me), 401, 29501000, 'without them no one is believed');
outcome($client->get($me, 'X-UID' => $member->{uid}), 401, 29501000, 'nor with one of them');
outcome($client->get($me, 'X-Tenant-ID' => $tenant), 401, 29501000, 'or the other');
outcome($client->get($me, 'X-Tenant-ID' => "$tenant' OR ''='", 'X-UID' => $member->{uid}), 401, 29501000, 'or with what is no id');
outcome($client->get($me, 'X-Tenant-ID' => $member->{uid}, 'X-UID' => $member->{uid}), 404, 29301000, 'nobody of that id');
my $other = register_member(tenant => tenant());
outcome($client->get($me, 'X-Tenant-ID' => $tenant, 'X-UID' => $other->{uid}), 404, 29301000, "another tenant's member");
outcome($client->with(token => 'x.y.z')->get($me, @headers), 401, 29501000, 'a token that is sent has to be right all the same');
outcome($client->get($me, @headers, 'X-Forwarded-For' => '203.0.113.7'), 401, 29501000, 'a client behind the proxy is not local');
server->psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $member->{uid});
outcome($client->get($me, @headers), 401, 29501000, 'a suspended member is nobody here as well');

finish();
