package CloudEP::Test;

# What a test file uses: Test::More, the shared server, members and tenants of its own, the check of an answer, and at
# the end the check of what httpd logged meanwhile.
#
#     use CloudEP::Test;
#     my $member = register_member();
#     outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'the own profile');
#     finish();

use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Httpd;
use CloudEP::Matrix;
use CloudEP::Process qw(slurp);
use CloudEP::Reasons;
use CloudEP::Secrets;
use CloudEP::Server;
use Exporter 'import';
use File::Path qw(remove_tree make_path);
use JSON::PP ();
use Test::More;

our @EXPORT = (@Test::More::EXPORT, qw(server client own_server own_postgres own_memcached own_smtp tenant fresh_email
    fresh_password register register_member login provider outcome check_success stay_within expect_log secret
    finish));

$| = 1;
my $suite = "$ENV{CLOUDEP_VAR}/test";
my (@own, @expected, $log_start, %reports_before);

# ---- servers

# The server that all test files share. Never stop or break it: start an own_server for that.
sub server {
    our $server //= do {
        my $description = $ENV{CLOUDEP_SERVER} or die "run the tests by ./dev test [FILE...]\n";
        my $shared = CloudEP::Server->attach(slurp($description));
        $log_start = $shared->log_size;
        %reports_before = map { $_ => 1 } glob "$suite/reports/*";
        $shared;
    };
    return $server;
}

# A client of the shared server, or of another given as server => ...; token => access token.
sub client {
    my (%values) = @_;
    my $server = delete $values{server} // server();
    return $server->client(watch => \&watch, %values);
}

# A fresh folder for what this test starts for itself; it goes with the test when that passes.
sub own_folder {
    my ($name) = @_;
    our $number;
    my $folder = sprintf '%s/own/%d.%d.%s', $suite, $$, ++$number, $name;
    make_path($folder);
    return $folder;
}

# PostgreSQL with an empty schema, memcached and an SMTP server, running, that belong to this test alone.
sub own_postgres {
    my ($template) = glob "$suite/template-*" or die 'the suite made no template';
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
    return $server;
}

# The identity provider of the server that the test files share: local, or zitadel in t/auth/zitadel_suite.t.
sub provider { return server()->{values}{CloudEPIdentityProvider} // 'local' }

# ---- tenants and members

# A tenant of its own with an invite: { slug, invite }. uses => of the invite, server => where.
sub tenant {
    my (%options) = @_;
    our $tenants_made;
    my $server = $options{server} // server();
    my $slug = 't-' . random_word(10);
    my $invite = uc 'inv-' . random_word(10);
    $server->ctl(qw(tenant add --slug), $slug, '--name', "Tenant $slug",
        $server->{organizations} ? ('--organization', $server->{organizations}[$tenants_made++ % @{ $server->{organizations} }]) : ());
    $server->ctl(qw(invite add --tenant), $slug, '--code', $invite, '--uses', $options{uses} // 1000);
    return { slug => $slug, invite => $invite, server => $server };
}

sub random_word {
    my ($length) = @_;
    return join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. $length;
}

sub fresh_email    { lc(random_word(12)) . '@example.com' }
sub fresh_password { secret('Pw7-' . random_word(20)) }

# A tenant for those who do not care which.
sub any_tenant {
    my ($server) = @_;
    our %tenants;
    return $tenants{ $server->port } //= tenant(server => $server);
}

# Posts a registration. %fields overrides or (undef) leaves out fields; tenant => as tenant() made it, client => of
# another server. Returns the answer and what was sent.
sub register {
    my (%fields) = @_;
    my $client = delete $fields{client} // client();
    my $tenant = delete $fields{tenant} // any_tenant($client->{server} // server());
    my %body = (
        tenant_slug => $tenant->{slug}, invite_code => $tenant->{invite}, email => fresh_email(),
        password => fresh_password(), accept_terms_version => '2026-01', %fields,
    );
    delete @body{ grep { !defined $body{$_} } keys %body };
    return ($client->post('/api/v1/auth/register', \%body), \%body);
}

# A registered and confirmed member: { tenant, slug, uid, email, password, access, refresh, client (with the token) }.
sub register_member {
    my (%options) = @_;
    my $server = delete $options{server} // ($options{tenant} ? $options{tenant}{server} : server());
    my $tenant = delete $options{tenant} // any_tenant($server);
    my $client = client(server => $server);
    my ($registered, $sent) = register(client => $client, tenant => $tenant, %options);
    check_success($registered, 'register');
    my $confirmed = check_success($client->post('/api/v1/auth/register/confirm', {
        tenant_slug => $tenant->{slug}, challenge_id => $registered->data->{challenge_id},
        code => secret($server->mail_code($sent->{email})),
    }), 'confirm');
    my $tokens = $confirmed->data;
    return {
        tenant => $tenant, slug => $tenant->{slug}, email => $sent->{email}, password => $sent->{password},
        uid => $tokens->{uid}, access => $tokens->{access_token}, refresh => $tokens->{refresh_token},
        client => $client->with(token => $tokens->{access_token}),
    };
}

# Logs a member in; returns the answer.
sub login {
    my ($member, %fields) = @_;
    return $member->{client}->with(token => undef)->post('/api/v1/auth/login', {
        tenant_slug => $member->{slug}, email => $member->{email}, password => $member->{password}, %fields,
    });
}

sub check_success {
    my ($response, $what) = @_;
    $response->status == 200 or die "$what: ", $response->status, ' ', $response->body, "\n";
    return $response;
}

# Caps count by the hours (3600) or days (86400) of the clock: waits for the next one if this one ends within so many seconds.
sub stay_within {
    my ($period, $seconds) = @_;
    my $left = $period - time % $period;
    sleep $left + 1 if $left < $seconds;
}

# ---- answers

# Checks status, code and everything that design holds for every answer of the two prefixes, and records the outcome.
sub outcome {
    my ($response, $status, $code, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @wrong;
    push @wrong, 'status ' . $response->status . " instead of $status" if $response->status != $status;
    push @wrong, 'code ' . ($response->code // 'none') . " instead of $code" if ($response->code // -1) != $code;
    push @wrong, envelope_faults($response);
    ok(!@wrong, $name) or diag(join("\n", @wrong, $response->method . ' ' . $response->path . ': ' . $response->raw));
    return $response;
}

sub record {
    my ($response) = @_;
    CloudEP::Matrix::record("$suite/seen.tsv", $response->method, $response->path, $response->status, $response->code)
        if defined $response->code;
}

my %NEEDS_HEADER = (
    401 => ['www-authenticate', qr/^Bearer\b/], 405 => ['allow', qr/\b[A-Z]+\b/],
    map { $_ => ['retry-after', qr/^[1-9]\d*$/] } 423, 429, 503,
);

# What is wrong with an answer whatever it says.
sub envelope_faults {
    my ($response) = @_;
    my $json = $response->json;
    ref $json eq 'HASH' or return 'the body is not a JSON object';
    my $status = $response->status;
    my $failed = $status != 200;
    my %header = (
        'content-type' => qr{^application/json(?:;|$)}, 'cache-control' => qr/^no-store$/,
        'x-content-type-options' => qr/^nosniff$/, 'x-request-id' => qr/^[\w.-]+$/,
        $NEEDS_HEADER{$status} ? @{ $NEEDS_HEADER{$status} } : (),
    );
    my @wrong = map { "header $_: " . ($response->header($_) // 'missing') }
        grep { ($response->header($_) // '') !~ $header{$_} } sort keys %header;
    my %allowed = map { $_ => 1 } $failed ? qw(code reason message request_id errors) : qw(code message data);
    push @wrong, "member $_ does not belong here" for grep { !$allowed{$_} } sort keys %$json;
    push @wrong, 'no message' unless length($json->{message} // '');
    push @wrong, 'message is not SUCCESS' if !$failed && ($json->{message} // '') ne 'SUCCESS';
    push @wrong, 'request_id is not X-Request-Id' if $failed && ($json->{request_id} // '') ne ($response->header('x-request-id') // '-');
    push @wrong, 'reason is not a word' if $failed && ($json->{reason} // '') !~ /^[a-z]+(?:_[a-z]+)*$/;
    push @wrong, CloudEP::Reasons::faults($response->method, $response->path, $status, $json->{reason} // '') if $failed;
    push @wrong, "errors at $status" if $json->{errors} && $status != 400;
    push @wrong, map { 'not a field error: ' . JSON::PP::encode_json([$_]) }
        grep { ref ne 'HASH' || join(',', sort keys %$_) ne 'field,reason,rule' } @{ $json->{errors} // [] };
    return @wrong;
}

# ---- secrets and logs

# Notes a text that must never be found in a log, in memcached or in the database. Returns it.
sub secret {
    my ($text) = @_;
    CloudEP::Secrets::note("$suite/secrets", $text) if length($text // '');
    return $text;
}

my $SECRET_NAMES = qr/^(?:password|new_password|code|refresh_token|access_token|id_token|backup_codes)$/;

# Sees every request and answer of this file's clients.
sub watch {
    my ($data, $response) = @_;
    record($response);
    for my $part (ref $data eq 'HASH' ? $data : (), ref $response->data eq 'HASH' ? $response->data : ()) {
        secret($_) for map { ref eq 'ARRAY' ? @$_ : ref() ? () : $_ } @{$part}{ grep { /$SECRET_NAMES/ } keys %$part };
    }
}

# Says that httpd will log errors that match, as a consequence of what this test does.
sub expect_log {
    push @expected, @_;
}

my $CRASH = qr/exit signal(?! Killed)|AddressSanitizer|runtime error:|Assertion|stack smashing|double free|malloc\(\)/;

# The lines that should not be in a log: crashes anywhere, whatever is expected, and errors that are not, on the shared
# server only those of our requests.
sub unexpected {
    my ($log, $address) = @_;
    my @found;
    for my $line (split /\n/, $log) {
        next if $line =~ /AH03092/; # mpm_event says so of a connection that is left when a child stops
        if ($line =~ $CRASH) {
            push @found, $line;
            next;
        }
        next if $line !~ /exit signal Killed/
            && ($line !~ /^\[[^\]]*\] \[[^\]]*:(?:emerg|alert|crit|error)\]/ || $address && $line !~ /\[client \Q$address\E:/);
        push @found, $line unless grep { $line =~ $_ } @expected;
    }
    return @found;
}

# Ends a test file: stops what it started, judges the logs, prints the plan.
sub finish {
    my @wrong = unexpected(server()->log($log_start), CloudEP::Client::own_address());
    for my $part (reverse @own) {
        my $status = $part->stop // 0;
        next unless $part->isa('CloudEP::Server');
        push @wrong, 'httpd ended with status ' . $status if $status;
        push @wrong, unexpected($part->log);
        push @wrong, map { "a secret in the log: $_" } CloudEP::Secrets->new("$suite/secrets")->find_in_log($part->log);
    }
    push @wrong, map { "sanitizer: $_\n" . slurp($_) } grep { !$reports_before{$_} } glob "$suite/reports/*";
    ok(!@wrong, 'httpd logged no crash and no unexpected error') or diag(join "\n", @wrong);
    my $passed = Test::More->builder->is_passing;
    @own = ();
    done_testing();
    remove_tree(glob "$suite/own/$$.*") if $passed;
}

# A test that dies leaves nothing running; the exit status stays.
END {
    local ($?, $@);
    eval { $_->stop } for reverse @own;
}

1;
