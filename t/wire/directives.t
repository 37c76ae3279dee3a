# Directives that no other test sets, each with what it changes.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Process qw(spew wait_until);
use CloudEP::Test;
use File::Path qw(make_path);

my @guarded = ('<Location /guarded>', 'AuthType CloudEP', 'AuthName x', 'Require valid-user', '</Location>');
my @one_child = ('StartServers 1', 'ServerLimit 1', 'MaxRequestWorkers 25', 'MinSpareThreads 1', 'MaxSpareThreads 25');

# A server with those values, and a file that only live sessions see.
sub served {
    my (%values) = @_;
    my $server = own_server(values => \%values, with => [@guarded, @one_child])->start;
    make_path("$server->{dir}/htdocs/guarded");
    spew("$server->{dir}/htdocs/guarded/index.html", 'inside');
    return $server;
}

my $server = served(CloudEPAudience => 'aud.example', CloudEPBodyLimit => 2048, CloudEPSessionCache => '1h',
    CloudEPPendingLifetime => 1000, CloudEPSweepInterval => 1);
my $member = register_member(server => $server, tenant => tenant(server => $server));

# ---- CloudEPAudience
is((CloudEP::Jwt::parts($member->{access}))[1]{aud}, 'aud.example', 'an access token is for CloudEPAudience');

# ---- CloudEPBodyLimit
sub of_length {
    my ($length) = @_;
    my $body = '{"tenant_slug":"' . 'x' x ($length - 18) . '"}';
    length $body == $length or die length $body;
    return client(server => $server)->post('/api/v1/auth/login', $body)->status;
}
is(of_length(2048), 400, 'a body of exactly CloudEPBodyLimit is read');
is(of_length(2049), 413, 'one byte more is too many');

# ---- CloudEPSessionCache
sub page { my ($at, $who) = @_; return client(server => $at, watch => undef, token => $who->{access})->get('/guarded/index.html')->status }
sub suspend { my ($at, $who) = @_; $at->psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $who->{uid}) }
is(page($server, $member), 200, 'a live session is let in');
suspend($server, $member);
is(page($server, $member), 200, 'and for CloudEPSessionCache after a look');
is(client(server => $server, token => $member->{access})->get('/api/v1/members/me')->status, 401, 'our own operations look each time');
my $short = served(CloudEPSessionCache => 1);
my $other = register_member(server => $short, tenant => tenant(server => $short));
is(page($short, $other), 200, 'another live session');
suspend($short, $other);
ok(wait_until(30, sub { page($short, $other) == 401 }), 'is looked at again once CloudEPSessionCache is over');

# ---- CloudEPPendingLifetime
my $tenant = $server->value("SELECT id FROM cloudep.tenants LIMIT 1");
for my $row ([younger => 900], [older => 1001]) {
    $server->psql("INSERT INTO cloudep.members (tenant_id, uid, email, status, updated_at) VALUES (:'tenant', gen_random_uuid(), :'name' || '\@pending.test',"
            . " 'pending', now() - :'age' * interval '1 second')", tenant => $tenant, name => $$row[0], age => $$row[1]);
}
ok(wait_until(30, sub { !$server->value("SELECT count(*) FROM cloudep.members WHERE email = 'older\@pending.test'") }),
    'a registration that was not confirmed for CloudEPPendingLifetime goes');
is($server->value("SELECT status FROM cloudep.members WHERE email = 'younger\@pending.test'"), 'pending', 'a younger one stays');

finish();
