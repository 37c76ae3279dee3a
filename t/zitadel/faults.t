# What a test may switch on the stand-in: slow, failing, cut and wrong answers, outages, and what it tells about the
# requests it saw. Its TLS, its end and its fixed port.
use strict;
use warnings;
use CloudEP::OIDC;
use CloudEP::Process qw(run slurp wait_until);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time sleep);

my $dir = tempdir(CLEANUP => 1);
my $zitadel = CloudEP::OIDC->new(peer => 'zitadel', run => $dir, log => "$dir/log", timeout => 2)->start;
my %ready = %{ $zitadel->ready };
my $GOOD = 'Secr3tP4ssw0rd!';
my $true = JSON::PP::true;

sub body {
    my ($id) = @_;
    return { organizationId => $ready{org_id}, userId => $id, human => { profile => { givenName => 'A', familyName => 'B' },
            email => { email => "$id\@example.com", isVerified => JSON::PP::false }, password => { password => $GOOD } } };
}

sub create { my ($id) = @_; return $zitadel->api(POST => '/v2/users/new', body($id)) }
sub login { my ($id, $password) = @_; return $zitadel->api(POST => '/v2/sessions', { checks => { user => { userId => $id },
                password => { password => $password // $GOOD } } }) }
sub known { my ($id) = @_; return scalar grep { $_->{userId} eq $id } $zitadel->users }

# Runs code, returns its result and how long it took.
sub timed { my ($code) = @_; my $from = time; my $result = $code->(); return ($result, time - $from) }

create('one');

subtest 'slow' => sub {
    $zitadel->state(password_delay_ms => 1500);
    my ($answer, $took) = timed(sub { login('one', 'no') });
    cmp_ok($took, '>=', 1.5, 'a password check takes as long as told');
    ($answer, $took) = timed(sub { login('nobody') });
    cmp_ok($took, '<', 1.5, 'an unknown user is told at once: the real one leaks that');
    ($answer, $took) = timed(sub { create('slow') });
    cmp_ok($took, '>=', 1.5, 'hashing takes as long');
    $zitadel->state(password_delay_ms => 0);
    $zitadel->fault(method => 'GET', path => '/v2/users/*', delay_ms => 1500, times => 1);
    ($answer, $took) = timed(sub { $zitadel->api(GET => '/v2/users/one') });
    ok($answer->{status} == 200 && $took >= 1.5, 'a delay of one route');
    ($answer, $took) = timed(sub { $zitadel->api(GET => '/v2/users/one') });
    cmp_ok($took, '<', 1.5, 'for one time');
    $zitadel->fault(path => '/v2/users/one', slow_body_ms => 400, times => 1);
    ($answer, $took) = timed(sub { $zitadel->api(GET => '/v2/users/one') });
    ok($answer->{json}{user}{userId} eq 'one' && $took >= 0.35, 'a body that drips');
    $zitadel->fault(path => '/v2/users/one', hang => $true, times => 1);
    is($zitadel->api(GET => '/v2/users/one')->{status}, 0, 'no answer at all');
};

subtest 'a client that leaves' => sub {
    $zitadel->fault(path => '/v2/users/new', delay_ms => 2300, abandon => $_, times => 1) for qw(run drop);
    is(create('left-run')->{status}, 0, 'the client gave up');
    is(create('left-drop')->{status}, 0, 'once more');
    sleep 0.8;
    is_deeply([known('left-run'), known('left-drop')], [1, 0], 'the work is done all the same, or dropped, as told');
};

subtest 'failing' => sub {
    $zitadel->fault(path => '/v2/sessions', status => 429, times => 1);
    my $edge = login('one');
    is_deeply([$edge->{status}, $edge->{json}], [429, undef], '429 of the edge has no JSON');
    $zitadel->fault(path => '/v2/sessions', quota => $true, times => 1);
    is(login('one')->{json}{details}[0]{id}, 'QUOTA-vjAy8', '429 of a quota has');
    $zitadel->fault(path => '/v2/sessions', status => 503, headers => { 'Retry-After' => '3' }, skip => 1, times => 2);
    is_deeply([map { login('one')->{status} } 1 .. 4], [201, 503, 503, 201], 'after one, twice');
    $zitadel->fault(path => '/v2/sessions', error => { code => 9, id => 'COMMAND-SFA3t', message => 'Errors.User.Locked' }, times => 1);
    my $error = login('one');
    is_deeply([$error->{status}, $error->{json}{details}[0]{id}], [400, 'COMMAND-SFA3t'], 'any error of ZITADEL');
    $zitadel->fault(path => '/v2/users/one', bad_json => $true, times => 1);
    my $bad = $zitadel->api(GET => '/v2/users/one');
    is_deeply([$bad->{status}, $bad->{json}], [200, undef], 'JSON that breaks off');
    $zitadel->fault(path => '/v2/users/one', huge_body => 3_000_000, times => 1);
    cmp_ok(length $zitadel->api(GET => '/v2/users/one')->{body}, '>', 3_000_000, 'a body that is too large');
    is($zitadel->call(POST => '/_test/faults', { statsu => 500 })->{status}, 400, 'a misspelt rule is refused');
    is($zitadel->call(POST => '/_test/state', { lga => 1 })->{status}, 400, 'a misspelt switch too');
};

subtest 'cut connections and lost answers' => sub {
    $zitadel->fault(path => '/v2/users/new', cut => 'before', times => 1);
    is(create('cut-before')->{status}, 0, 'cut before the work');
    $zitadel->fault(path => '/v2/users/new', cut => 'after', times => 1);
    is(create('cut-after')->{status}, 0, 'cut after the work');
    $zitadel->fault(path => '/v2/users/new', status => 500, after => $true, times => 1);
    is(create('failed-after')->{status}, 500, '500 after the work');
    is_deeply([map { known($_) } qw(cut-before cut-after failed-after)], [0, 1, 1],
        'only the work that was done has an effect');
    is(create('cut-after')->{json}{details}[0]{id}, 'COMMAND-7yiox1isql', 'a retry under the same id learns it');
    $zitadel->fault(path => '/v2/users/one', cut => 'mid', times => 1);
    ok(!$zitadel->api(GET => '/v2/users/one')->{json}, 'cut in the middle of the body');
    my $id = $zitadel->fault(path => '/v2/*', cut => $true);
    is($zitadel->api(GET => '/v2/users/one')->{status}, 0, "always, time $_") for 1 .. 2;
    $zitadel->door(DELETE => "faults/$id");
    is($zitadel->api(GET => '/v2/users/one')->{status}, 200, 'until the rule is taken away');
};

subtest 'parallel guesses' => sub {
    $zitadel->state(max_password_attempts => 2, password_delay_ms => 300);
    my $bytes = '{"checks":{"user":{"userId":"slow"},"password":{"password":"no"}}}';
    my @sockets = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $ready{port}) } 1 .. 3;
    print {$_} "POST /v2/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer $ready{pat}\r\nConnection: close\r\nContent-Length: "
        . length($bytes) . "\r\n\r\n$bytes" for @sockets;
    my @ids = sort map { local $/; (<$_> =~ /"id":"([^"]+)"/)[0] } @sockets;
    is_deeply(\@ids, [qw(COMMAND-3M0fs COMMAND-3M0fs COMMAND-SFA3t)], 'the one that loses the race meets the lock');
    $zitadel->state(max_password_attempts => 0, password_delay_ms => 0);
    cmp_ok($zitadel->requests->{peak}{'POST /v2/sessions'}, '>=', 3, 'how many ran at once is counted');
};

subtest 'what was seen' => sub {
    $zitadel->door(DELETE => 'requests');
    login('one');
    $zitadel->call(POST => '/oauth/v2/token', 'grant_type=password&password=hunter2');
    my $seen = $zitadel->requests;
    is($seen->{counts}{'POST /v2/sessions'}, 1, 'counted by route');
    is($seen->{statuses}{'POST /v2/sessions 201'}, 1, 'and by status');
    is($seen->{last}[0]{body}{checks}{password}{password}, '*** 15 bytes', 'a password is masked');
    is($seen->{last}[0]{headers}{authorization}, 'Bearer ***', 'so is the token');
    unlike(JSON::PP::encode_json($seen), qr/\Q$GOOD\E|hunter2|\Q$ready{pat}\E/, 'nothing secret is kept');
};

subtest 'outage and reset' => sub {
    $zitadel->outage(1000);
    ok(wait_until(1, sub { !IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $ready{port}) }), 'connections are refused');
    ok(wait_until(10, sub { $zitadel->api(GET => '/v2/users/one')->{status} == 200 }), 'then it is back and has forgotten nothing');
    $zitadel->freeze;
    is($zitadel->api(GET => '/v2/users/one')->{status}, 0, 'frozen');
    $zitadel->thaw;
    $zitadel->door(POST => 'reset');
    is_deeply([$zitadel->users], [], 'reset forgets the users');
};

subtest 'processes' => sub {
    my $port = $zitadel->port;
    is($zitadel->stop, 0, 'SIGTERM ends it well');
    $zitadel->start;
    is($zitadel->port, $port, 'started again it has its port');
    is((stat $ready{key_file})[2] & 077, 0, 'the key file is private');
    my @cert = ("$dir/cert.pem", "$dir/cert.key");
    run(undef, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost),
        '-out', $cert[0], '-keyout', $cert[1]);
    my $tls = CloudEP::OIDC->new(peer => 'zitadel', run => $dir, log => "$dir/log", certificate => $cert[0],
        options => ['--cert', $cert[0], '--cert-key', $cert[1], '--domain', 'localhost'])->start;
    is($tls->issuer, 'https://localhost:' . $tls->port, 'over TLS');
    is($tls->api(POST => '/v2/users', {})->{status}, 200, 'with a certificate that verifies');
    $tls->stop;
};

is(slurp("$dir/log"), '', 'the stand-in itself reports no fault');
$zitadel->stop;
done_testing();
