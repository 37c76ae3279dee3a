package CloudEP::Zitadel;

# What tests of the identity provider "zitadel" share: the stand-in, a server that uses it, tenants that have an
# organization there, and the comparison of its users with our members.
#
#     my $zitadel = zitadel();
#     my $server = zitadel_server($zitadel);
#     my $tenant = zitadel_tenant($server, $zitadel);

use strict;
use warnings;
use CloudEP::OIDC;
use CloudEP::Process qw(spew wait_until);
use CloudEP::Test;
use Exporter 'import';

our @EXPORT = qw(zitadel zitadel_server zitadel_tenant is_in_step asked);

# A stand-in of this test's own, running. Options as of CloudEP::OIDC.
sub zitadel {
    my (%options) = @_;
    my $dir = CloudEP::Test::own_folder('zitadel');
    return CloudEP::Test::keep(CloudEP::OIDC->new(peer => 'zitadel', run => $dir, log => "$dir/log", %options));
}

# An httpd that uses it, running, with a database of its own: the sweep of a server with another provider must not find
# these members. key => 1: with the service account's key; token => another access token; values and with as own_server.
sub zitadel_server {
    my ($zitadel, %options) = @_;
    my $dir = CloudEP::Test::own_folder('service');
    my ($token, $key, $values) = (delete $options{token}, delete $options{key}, delete $options{values});
    spew("$dir/token", ($token // $zitadel->ready->{pat}) . "\n");
    chmod 0600, "$dir/token";
    return own_server(
        pg => own_postgres(),
        organizations => [@{ $zitadel->ready->{orgs} }{qw(a b)}],
        values => {
            CloudEPIdentityProvider => 'zitadel',
            CloudEPZitadelURL => $zitadel->ready->{base_url},
            $key ? (CloudEPZitadelKeyFile => $zitadel->ready->{key_file}) : (CloudEPZitadelTokenFile => "$dir/token"),
            CloudEPCodeCooldown => 0,
            CloudEPKnownGuesses => 1_000_000,
            CloudEPUnknownGuesses => 1_000_000,
            CloudEPAddressAttempts => 0,
            CloudEPSweepInterval => 1,
            %{ $values // {} },
        },
        %options,
    )->start;
}

# A tenant whose users are in that organization of the stand-in: a (unless told) or b. Those of tenant() take turns.
sub zitadel_tenant {
    my ($server, $zitadel, %options) = @_;
    my $organization = $zitadel->ready->{orgs}{ delete $options{organization} // 'a' };
    my $tenant = tenant(server => $server, %options);
    $server->ctl(qw(tenant set --slug), $tenant->{slug}, '--organization', $organization);
    return $tenant;
}

# The stand-in's users are our members, no more and no less; within so many seconds if the sweep has to come first.
sub is_in_step {
    my ($server, $zitadel, $name, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($there, $here);
    wait_until($seconds // 0, sub {
            $there = join "\n", sort map { $_->{userId} } $zitadel->users;
            $here = join "\n", sort map { $_->[0] } @{ $server->psql('SELECT uid FROM cloudep.members') };
            return $there eq $here;
    });
    is($there, $here, $name);
}

# How often a route of the stand-in was asked since its requests were last forgotten: asked($zitadel, 'POST /v2/sessions').
# Dies for what is no route of it, which would never be counted.
sub asked {
    my ($zitadel, $route) = @_;
    my $requests = $zitadel->requests;
    grep { $_ eq $route } @{ $requests->{routes} } or die "the stand-in has no route $route\n";
    return $requests->{counts}{$route} // 0;
}

1;
