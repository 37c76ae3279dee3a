# 501: a server with only part of the configuration starts, says what is off, and answers so there and only there.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(free_port run slurp);
use CloudEP::Test;

my $member = register_member();
my %body = (
    '/register' => { tenant_slug => 'demo', invite_code => 'X', email => fresh_email(), password => fresh_password(),
        accept_terms_version => '1' },
    '/register/confirm' => { tenant_slug => 'demo', challenge_id => 'A' x 22, code => '123456' },
    '/register/resend' => { tenant_slug => 'demo', challenge_id => 'A' x 22 },
    '/register/resume' => { tenant_slug => 'demo', email => fresh_email() },
    '/login' => { tenant_slug => 'demo', email => fresh_email(), password => fresh_password() },
    '/login?completed' => { challenge_id => 'A' x 22, mfa_code => '123456' },
    '/mfa/backup-codes/verify' => { code => '12345678' },
    '/token/refresh' => { refresh_token => $member->{refresh} },
    '/logout' => undef,
);

# What is missing, what the start says of it, and who then answers 501 (the others must not).
my @parts = (
    [['CloudEPDatabase'], 'database (CloudEPDatabase)', keys %body, 'me'],
    [['CloudEPMemcacheServer'], 'memcached (CloudEPMemcacheServer)', '/login?completed', grep { /register/ } keys %body],
    [['CloudEPSigningKeys'], 'signing key (CloudEPSigningKeys)',
        '/register/confirm', '/login', '/login?completed', '/mfa/backup-codes/verify', '/token/refresh', '/logout', 'me'],
    [['CloudEPSealingKeys'], 'sealing key (CloudEPSealingKeys)', '/login?completed', '/mfa/backup-codes/verify',
        grep { /register/ } keys %body],
    [['CloudEPMailTransport'], 'mail (CloudEPMailTransport)', grep { /register/ } keys %body],
);
for my $part (@parts) {
    my ($without, $said, @off) = @$part;
    my %off = map { $_ => 1 } @off;
    my $server = own_server(without => $without, values => { CloudEPIssuer => server()->url })->start;
    my $client = client(server => $server);
    my @told = $server->log =~ /CE10: (.*)/g;
    my @version = $server->log =~ /CE12: CloudEP (\d+\.\d+\.\d+)$/mg;
    is(scalar @version, 1, "the start without @$without says once which version this is") or diag($server->log);
    is(scalar @told, 1, "the start without @$without says once what is off") or diag(join "\n", @told);
    like($told[0], qr/^main server: not configured, .*[:,] \Q$said\E(?:,|$)/, "and names @$without");
    for my $path (sort { ($a eq '/logout') <=> ($b eq '/logout') } sort keys %body) {
        my $answer = $client->with(token => $member->{access}, watch => $off{$path} ? $client->{watch} : undef)
            ->post("/api/v1/auth$path", $body{$path});
        $off{$path} ? outcome($answer, 501, 28605000, "$path without @$without")
            : isnt($answer->status, 501, "$path works without @$without");
    }
    $member = register_member();    # logged out, where that worked
    $body{'/token/refresh'}{refresh_token} = $member->{refresh};
    is($client->get('/.well-known/oauth-authorization-server')->status, $client->get('/.well-known/jwks.json')->status, "without @$without there is metadata where there are keys");
    my $me = $client->with(token => $member->{access});
    for my $answer ($me->get('/api/v1/members/me'), $me->patch('/api/v1/members/me', { language => 'en' })) {
        $off{me} ? outcome($answer, 501, 29605000, 'members/me without ' . "@$without")
            : is($answer->status, 200, "members/me works without @$without");
    }
    $server->stop;
}

# Where only a virtual host has directives of ours, nothing is said of the main server; hosts that inherit add no line.
my $beside = own_server();
$beside->prepare;
my $port = free_port();
my $configuration = $beside->configuration;
$beside->{httpd}->configure(CloudEP::Httpd::load_modules(build => $beside->{build}), <<"TEXT");
Listen 127.0.0.1:$port
<VirtualHost 127.0.0.1:$port>
ServerName id.example
$configuration
</VirtualHost>
<VirtualHost 127.0.0.1:$port>
ServerName plain.example
</VirtualHost>
TEXT
$beside->{httpd}->start;
my @told = slurp($beside->{httpd}->error_log) =~ /CE10: (.*)/g;
is(scalar @told, 1, 'one server of three has directives of ours, and one line says what is off');
like($told[0], qr/^id\.example: not configured, .*SMS \(CloudEPSMSTransport\)/, 'which names that server');
$beside->stop;

# A node that only serves members needs no private key.
my $public = own_server();
$public->prepare;
my $keys = JSON::PP->new->decode(do { open my $in, '<', "$public->{keys}/signing.jwks" or die $!; local $/; <$in> });
delete $_->{d} for @{ $keys->{keys} };
my $file = "$public->{dir}/public.jwks";
open my $out, '>', $file or die "$file: $!";
print $out JSON::PP->new->encode($keys);
close $out;
$public->{values} = { CloudEPSigningKeys => $file, CloudEPIssuer => server()->url };
$public->start;
outcome(client(server => $public, token => $member->{access})->get('/api/v1/members/me'), 200, 102000,
    'public keys are enough to serve members');
outcome(client(server => $public)->post('/api/v1/auth/token/refresh', { refresh_token => $member->{refresh} }), 501,
    28605000, 'but not to sign');

# ---- a part that a child cannot make, here for want of memory: it is named, and the child goes on without it
SKIP: {
    skip 'sanitizers need all the address space that there is', 3 if $ENV{CLOUDEP_SANITIZE};
    my $poor = own_server(values => { CloudEPIssuer => server()->url, CloudEPPasswordMemory => 2**20, CloudEPPasswordWorkers => 64 });
    run(undef, 'prlimit', '--pid', $$, '--as=' . 2**35 . ':');
    $poor->start;
    run(undef, 'prlimit', '--pid', $$, '--as=unlimited:');
    my $client = client(server => $poor, token => $member->{access});
    outcome($client->post('/api/v1/auth/login', $body{'/login'}), 501, 28605000, 'a login where no password can be hashed');
    outcome($client->get('/api/v1/members/me'), 200, 102000, 'what needs no hash goes on beside it');
    like($poor->log, qr/CE21: password hashing: this child could not make it/, 'the log names the part');
    $poor->stop;
}

# ---- mistakes that a start refuses, with a sentence
my %mistakes = (
    'another provider' => [{ CloudEPIdentityProvider => 'nobody' }, qr/there is no such provider/],
    'a key file that is not there' => [{ CloudEPSigningKeys => '/nowhere/keys.jwks' }, qr{/nowhere/keys\.jwks}],
    'hashes too cheap' => [{ CloudEPPasswordMemory => 8 }, qr/CloudEPPassword/],
    'a time that is none' => [{ CloudEPCodeLifetime => '10x' }, qr/must be a time/],
    'a number out of bounds' => [{ CloudEPCodeAttempts => 0 }, qr/must be between 1 and 20/],
    'a memcached that is none' => [{ CloudEPMemcacheServer => 'localhost:70000' }, qr/CloudEPMemcacheServer/],
);
for my $mistake (sort keys %mistakes) {
    my ($values, $said) = @{ $mistakes{$mistake} };
    like(own_server(values => $values)->refuses_to_start, $said, "$mistake is told at start");
}

expect_log(qr/CE\d+: /);
finish();
