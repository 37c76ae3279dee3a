package CloudEP::Run;

# "./dev run" and "./dev stop": one CloudEP in $CLOUDEP_VAR, in the foreground, with its own PostgreSQL and memcached.

use strict;
use warnings;
use CloudEP::Memcached;
use CloudEP::Postgres;
use CloudEP::Process qw(alive mine end_leftover wait_until spew);
use CloudEP::Server;
use Errno ();
use Fcntl qw(LOCK_EX LOCK_NB);
use File::Path qw(make_path);
use IO::Socket::INET;
use Time::HiRes qw(sleep);

my $TENANT = 'demo';
my $INVITE = 'WELCOME';

# Says, before anything is built, what would keep it from starting.
sub check {
    my $lock = only_one($ENV{CLOUDEP_VAR});
    end_leftovers($ENV{CLOUDEP_VAR});
    free(port());
}

sub serve {
    $| = 1;
    my $dir = $ENV{CLOUDEP_VAR};
    my $port = port();
    my $lock = only_one($dir);
    spew("$dir/run/dev.pid", "$$\n");
    end_leftovers($dir);
    free($port);

    my $asked;
    local @SIG{qw(INT TERM HUP)} = (sub { $asked = 1 }) x 3;
    my %parts;
    my $served = eval {
        start(\%parts, $dir, $port, \$asked);
        print ready($parts{server});
        watch(\%parts, \$asked);
        1;
    };
    my $error = $@;

    # httpd first: nobody is served by half a CloudEP.
    print "\nstopping\n";
    for my $name (qw(server memcached pg)) {
        $parts{$name}->stop if $parts{$name};
    }
    unlink "$dir/run/dev.pid";
    return if $served || $asked;
    print STDERR $error;
    exit 1;
}

sub port {
    my $port = $ENV{CLOUDEP_PORT} || 8080;
    $port =~ /^\d+$/ && $port < 65536 or die "CLOUDEP_PORT is not a port: $port\n";
    return $port;
}

# Dies when httpd could not listen on the port.
sub free {
    my ($port) = @_;
    IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1) and return;
    die "port $port of 127.0.0.1 is in use: CLOUDEP_PORT=8081 ./dev run takes another\n" if $!{EADDRINUSE};
    die "port $port of 127.0.0.1 cannot be used: $!\n";
}

# Two on one folder would destroy it. Returns the lock, which holds as long as the handle is there.
sub only_one {
    my ($dir) = @_;
    make_path("$dir/run", { mode => 0700 });
    open my $lock, '>>', "$dir/run/lock" or die "$dir/run/lock: $!\n";
    flock $lock, LOCK_EX | LOCK_NB
        or die "a CloudEP already runs in $dir: ./dev stop ends it; with another CLOUDEP_VAR and CLOUDEP_PORT two run side by side\n";
    fcntl $lock, Fcntl::F_SETFD(), Fcntl::FD_CLOEXEC();
    return $lock;
}

# Fills %$parts with what runs, so that the caller can stop it however far this came.
sub start {
    my ($parts, $dir, $port, $asked) = @_;
    my $go_on = sub { $$asked and die "stopped\n"; print STDERR "dev: $_[0]\n" };
    my %common = (run => "$dir/run", log => "$dir/services.log");
    $go_on->(-d "$dir/pg" ? 'starting PostgreSQL' : 'making a PostgreSQL database');
    $parts->{pg} = CloudEP::Postgres->new(%common, data => "$dir/pg", durable => 1);
    $parts->{pg}->start;
    $parts->{memcached} = CloudEP::Memcached->new(%common);
    $parts->{memcached}->start;
    my $server = CloudEP::Server->new(dir => $dir, port => $port, bare => 1, tests => 0, portal => $TENANT, styles => $TENANT, pg => $parts->{pg},
        memcached => $parts->{memcached}, values => { CloudEPSMSTransport => "\"spool:$dir/spool/sms\"" },
        with => [beside($ENV{CLOUDEP_BUILD})]);
    make_path("$dir/htdocs/demo");
    spew("$dir/htdocs/demo/index.html", demo());
    $go_on->('bringing the schema up to date');
    $server->migrate;
    $go_on->("looking for the tenant $TENANT and its invite");
    welcome($server);
    $go_on->('starting httpd');
    $parts->{server} = $server;
    $server->start;
    wait_until(10, sub { $server->client->get('/api/v1/members/me')->status == 401 })
        or die "httpd runs, but does not answer as it should: see $dir/logs/error_log\n";
}

# What is served beside the pages: the API reference, if the build made it, and a page that is guarded.
sub beside {
    my ($build) = @_;
    my @reference = -e "$build/reference/index.html" ? ("Alias /reference $build/reference", "<Directory $build/reference>", 'Require all granted',
        'AddType "text/html; charset=utf-8" .html', 'AddType "text/css; charset=utf-8" .css', '</Directory>') : ();
    return (@reference, '<Location /demo>', 'AuthType CloudEP', 'AuthName "members"', '<IfDirective CloudEPLoginPage>', 'CloudEPSessionCookie On',
        'CloudEPLoginPage /account/', '</IfDirective>', "Require cloudep-tenant $TENANT", '</Location>');
}

sub demo {
    return <<"PAGE";
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Demo</title></head>
<body><main><h1>For members only</h1><p>You see this page because you are signed in. <a href="/account/">Your account</a></p></main></body>
</html>
PAGE
}

# The tenant and the invite that the first request and the examples use.
sub welcome {
    my ($server) = @_;
    my $there = sub { $server->value("SELECT count(*) FROM cloudep.$_[0]", tenant => $TENANT, code => $INVITE) };
    $server->ctl(qw(tenant add --slug), $TENANT, qw(--name Demo)) unless $there->("tenants WHERE slug = :'tenant'");
    $server->ctl(qw(invite add --tenant), $TENANT, '--code', $INVITE, qw(--uses 1000))
        unless $there->("invites i JOIN cloudep.tenants t ON t.id = i.tenant_id WHERE slug = :'tenant' AND code = :'code'");
}

# Until a signal asks us to end or a part ends by itself.
sub watch {
    my ($parts, $asked) = @_;
    my %pids = (PostgreSQL => $parts->{pg}{pid}, memcached => $parts->{memcached}{pid}, httpd => $parts->{server}->pid);
    while (!$$asked) {
        for my $name (sort keys %pids) {
            alive($pids{$name}) or die "$name has ended: see the logs in $parts->{server}{dir}\n";
        }
        sleep 0.3;
    }
}

# What a CloudEP that was killed left running in this folder, in the order in which it would have stopped it.
sub end_leftovers {
    my ($dir) = @_;
    my @parts = (['httpd', "$dir/httpd.pid", "$dir/httpd.conf", 'TERM'], ['memcached', "$dir/run/memcached.pid", "$dir/run/", 'TERM'],
        ['PostgreSQL', "$dir/pg/postmaster.pid", "$dir/pg", 'INT']);
    return map { my ($name, @how) = @$_; end_leftover(@how) ? $name : () } @parts;
}

sub stop {
    my $dir = $ENV{CLOUDEP_VAR};
    my $file = "$dir/run/dev.pid";
    my $pid = mine($file, 'CloudEP::Run');
    if ($pid) {
        kill TERM => $pid;
        wait_until(60, sub { !mine($file, 'CloudEP::Run') }) or die "process $pid does not end\n";
    }
    my @ended = end_leftovers($dir);
    unlink $file;
    print $pid ? "stopped\n" : @ended ? "ended what was left: @ended\n" : "nothing runs in $dir\n";
}

# What it says once it serves.
sub ready {
    my ($server) = @_;
    my ($url, $dir) = ($server->url, $server->{dir});
    my $reference = -e "$server->{build}/reference/index.html" ? "\nThe API, operation by operation:  $url/reference/" : '';
    return <<"READY";

CloudEP ready: $url

Account pages, to register with the invite $INVITE:  $url/account/
The same with passkeys, which browsers tie to a name:  http://localhost:$server->{port}/account/
A page for members only:  $url/demo/$reference

The API for programs, with tokens:  $url/api/v1/auth and $url/api/v1/members
The same by cookies, for pages:  $url/account/api/auth and $url/account/api/members
The API style "account", with tokens:  $url/api/auth
The API style "session", by cookies:  $url/api/session

A first request, to paste into another terminal (tenant $TENANT, invite $INVITE):

    curl -sS $url/api/v1/auth/register -H 'Content-Type: application/json' -d '{
        "tenant_slug": "$TENANT", "invite_code": "$INVITE", "email": "ada\@example.com",
        "password": "correct horse 9", "accept_terms_version": "2026-01"}'

From registration to logout, step by step:

    examples/walk.sh $url $dir/spool

The same in JavaScript, one program for each way to speak to it (v1, v1-cookie, mfa, account, session):

    node examples/v1.mjs $url $dir/spool

Mail: $dir/spool/mail/*.eml    SMS: $dir/spool/sms/*.json    httpd's log: $dir/logs/error_log
Ctrl-C, or ./dev stop, ends everything.

READY
}

1;
