package CloudEP::Test::Servers;

# The server that all test files share, and what a test starts for itself.

use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Memcached;
use CloudEP::Postgres;
use CloudEP::Process qw(slurp);
use CloudEP::Server;
use CloudEP::Smtp;
use CloudEP::Test::Answers ();
use CloudEP::Test::Logs;
use Exporter 'import';
use File::Path qw(make_path);

our @EXPORT = qw(server client own_folder own_postgres own_memcached own_smtp own_server keep provider);

my ($shared, @own);
my $folders = 0;

sub suite { return "$ENV{CLOUDEP_VAR}/test" }

# The server that all test files share. Never stop or break it: start an own_server for that.
sub server {
    return $shared //= do {
        my $description = $ENV{CLOUDEP_SERVER} or die "run the tests by ./dev test [NAME...]\n";
        my $server = CloudEP::Server->attach(slurp($description));
        CloudEP::Test::Logs::begin($server);
        $server;
    };
}

# A client of the shared server, or of another given as server => ...; token => access token.
sub client {
    my (%values) = @_;
    my $server = delete $values{server} // server();
    return $server->client(watch => \&CloudEP::Test::Answers::watch, %values);
}

# A fresh folder for what this test starts for itself; it goes with the test when that passes.
sub own_folder {
    my ($name) = @_;
    my $folder = sprintf '%s/own/%d.%d.%s', suite(), $$, ++$folders, $name;
    make_path($folder);
    return $folder;
}

# PostgreSQL with an empty schema, memcached and an SMTP server, running, that belong to this test alone.
sub own_postgres {
    my ($template) = glob suite() . '/template-*' or die 'the suite made no template';
    my $dir = own_folder('pg');
    return keep(CloudEP::Postgres->new(data => "$dir/data", run => "$dir/run", log => "$dir/log", template => $template, @_));
}

sub own_memcached {
    my $dir = own_folder('mc');
    return keep(CloudEP::Memcached->new(run => $dir, log => "$dir/log", @_));
}

# Takes the options of CloudEP::Smtp: tls, login.
sub own_smtp {
    my $dir = own_folder('smtp');
    return keep(CloudEP::Smtp->new(run => $dir, mail => "$dir/mail", log => "$dir/log", @_));
}

sub keep {
    my ($part) = @_;
    push @own, $part;
    return $part->start;
}

# An httpd of this test's own, not yet started. It shares the suite's services unless given its own: pg, memcached,
# smtp. Configuration: values => { directive => text }, with => [lines], without => [directives].
sub own_server {
    my (%options) = @_;
    $options{values} = { %{ server()->{values} // {} }, %{ $options{values} // {} } };
    my $server = CloudEP::Server->new(
        (map { $_ => server()->{$_} } qw(build keys pg memcached smtp organizations)),
        dir => own_folder('httpd'), %options,
    );
    push @own, $server;

    # What it writes for the shared database's outbox others could not unseal, or would send with other templates and links.
    my $alone = $server->{pg} == server()->{pg}
        && (exists $options{keys} || $options{portal} || grep { $options{values}{$_} } qw(CloudEPTemplateDir CloudEPAccountURL));
    $server->{values}{CloudEPOutbox} //= "own-$$-" . @own if $alone;
    return $server;
}

# The identity provider of the server that the test files share: local, or zitadel in t/auth/zitadel_suite.t.
sub provider { return server()->{values}{CloudEPIdentityProvider} // 'local' }

# Stops what this test started, last first, and forgets it. Returns each part with what its stop returned.
sub stop_own {
    my @stopped;
    while (my $part = pop @own) {
        my $status;
        eval { $status = $part->stop; 1 } or warn $@;
        push @stopped, [$part, $status];
    }
    return @stopped;
}

1;
