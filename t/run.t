# "./dev run": the first request and the walk that it prints work, two stand side by side, the data survives, nothing is left running.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(capture free_port run slurp spawn wait_until);
use CloudEP::Test;

my $suite = "$ENV{CLOUDEP_VAR}/test";
my $var = "$suite/run-$$";
my $port = free_port();
my $perl = "$^X -I" . CloudEP::Httpd::top() . '/t/lib';
mkdir $var or die "$var: $!";

# Starts it as ./dev does after the build; returns the process and all it printed up to the ready line.
sub serve {
    my ($port, $ready) = @_;
    my $output = "$var/output";
    unlink $output;
    my $pid = spawn($output, { CLOUDEP_VAR => $var, CLOUDEP_PORT => $port }, 'sh', '-c',
        "exec $perl -MCloudEP::Run -e 'CloudEP::Run::serve()'");
    my $said = sub { eval { slurp($output) } // '' };
    wait_until(60, sub { $said->() =~ /$ready/ || waitpid($pid, POSIX::WNOHANG()) }) or die $said->();
    return ($pid, $said->());
}

sub stop {
    return run(undef, 'env', "CLOUDEP_VAR=$var", 'sh', '-c', "$perl -MCloudEP::Run -e 'CloudEP::Run::stop()'");
}

sub left_running {
    return grep { (eval { slurp("$_/cmdline") } // '') =~ /\Q$var\E\// } glob '/proc/[0-9]*';
}

my $ready = qr{^CloudEP ready: http://127\.0\.0\.1:$port$}m;
my ($pid, $said) = serve($port, $ready);
like($said, $ready, 'it gets ready');
like($said, qr/tenant demo and its invite.*starting httpd/s, 'whoever is answered finds the invite');

# ---- the first request, as it is printed
my ($request) = $said =~ /^ {4}(curl .*?)\n\n/ms;
my ($status, $output, $errors) = capture($request, 'bash');
is("$status $errors", '0 ', 'bash takes the first request');
like($output, qr/"code":102000,.*"challenge_id"/, 'the first request registers somebody');

# ---- the pages that it names first
my ($account) = $said =~ m{^Account pages, .*?(http://\S+/account/)$}m or die "it names no account pages: $said";
like($said, qr{ready: \S+\n\nAccount pages}, 'the account pages are named first');
my $pages = CloudEP::Client->new(port => $port);
like($pages->get('/account/')->body, qr{<script type="module" src="portal.js">}, 'they are there');
is($pages->get('/account/api/auth/xsrf')->status, 204, 'and so is their API');
like($said, qr{passkeys.*http://localhost:$port/account/$}m, 'the address that passkeys work at is named');
isnt($pages->get('/demo/')->status, 200, 'the page for members is for members');
like($pages->get('/reference/')->body, qr{/api/v1/auth/login}, 'the API is there to read') if -e "$ENV{CLOUDEP_BUILD}/reference/index.html";

# ---- every API style that it names, for the tenant of the invite
my %style = (
    'The API for programs' => [qw(login 401)], 'The same by cookies' => [qw(login 400)],
    'The API style "account"' => [qw(login 401)], 'The API style "session"' => [qw(login 400)],
);
for my $style (sort keys %style) {
    my ($path) = $said =~ m{^\Q$style\E, .*?: +http://127\.0\.0\.1:$port(/\S+)}m or die "it does not name: $style";
    my ($operation, $status) = @{ $style{$style} };
    my $answer = $pages->post("$path/$operation", { tenant_slug => 'demo', email => 'nobody@example.com', password => 'correct horse 9' });
    is($answer->status, $status, "$style is there");
    is($answer->json->{reason}, $status == 401 ? 'credentials_wrong' : 'xsrf_required', 'and decides by tenant and cookies') or diag($answer->body);
}
like($pages->get('/api/session/')->header('Set-Cookie'), qr/\bXSRF-TOKEN=ce1\./, 'the session style gives its pages what they need');

# ---- the walk
my ($walk, $url, $spool) = $said =~ m{^ {4}(examples/walk\.sh) (\S+) (\S+)$}m or die "it prints no walk: $said";
($status, $output, $errors) = capture(undef, CloudEP::Httpd::top() . "/$walk", $url, $spool);
is("$status $errors", '0 ', 'the walk ends well');
is(scalar(() = $output =~ /"code": 102000/g), 12, 'twelve calls of the walk succeed');
like($output, qr/"display_name": "Ada"/, 'the walk sees its change of the profile');
like($output, qr/"code": 29501000(?!.*"code")/s, 'after the logout the access token is refused');
is(scalar(grep { slurp($_) =~ /"text"/ } glob "$spool/sms/*.json"), 1, 'the SMS with the code is where it was said to be');
($status, undef, $errors) = capture(undef, 'env', 'INVITE=nobody-has-it', CloudEP::Httpd::top() . "/$walk", $url, $spool);
is("$status $errors", "1 walk: status 404 in place of 200\n", 'a walk that goes wrong says so');

# ---- the programs, one for each style
my ($styles, $program, @with) = $said =~ m{^The same in JavaScript, .*? \(([\w, -]+)\):\n\n {4}node (examples/\S+) (\S+) (\S+)$}m
    or die "it prints no program: $said";
my @programs = map { "examples/$_.mjs" } split /, /, $styles;
is(join(' ', sort @programs), join(' ', grep { !/common/ } sort glob 'examples/*.mjs'), 'it names every program');
ok(scalar(grep { $_ eq $program } @programs), 'and how to start one');
my %running = map { $_ => spawn("$var/" . s{\W}{-}gr, {}, 'node', $_, @with) } @programs;
for my $example (@programs) {
    waitpid $running{$example}, 0;
    my ($name) = $example =~ m{(\w[\w-]*)\.mjs};
    is($?, 0, "$example ends well");
    like(slurp("$var/" . $example =~ s{\W}{-}gr), qr/^\Q$name\E: all is well\n\z/m, 'after all of its steps');
}
($status, undef, $errors) = capture(undef, 'env', 'INVITE=nobody-has-it', 'node', $program, @with);
ok($status && $errors =~ /status 404 in place of 200: .*invite_unknown/, 'a program that goes wrong says so');

# ---- clear words instead of a second one on the same folder or port
my (undef, $same) = serve($port, qr/already runs/);
like($same, qr/already runs in \Q$var\E: .*CLOUDEP_VAR/, 'a second one on the same folder is told so');

# ---- a crash of everything, and a half made database beside the real one
kill KILL => $pid;
waitpid $pid, 0;
mkdir "$var/pg.new";
($pid, $said) = serve($port, $ready);
like($said, $ready, 'after kill -9 it starts again');
my $client = CloudEP::Client->new(port => $port);
my ($email) = $output =~ /"zitadel_email": "([^"]+)"/;
is($client->post('/api/v1/auth/login', { tenant_slug => 'demo', email => $email, password => 'correct horse 9' })->code, 102000,
    'and knows who registered before');
is(stop(), "stopped\n", './dev stop ends it');
is(waitpid($pid, 0), $pid, 'the process is gone');
is($? >> 8, 0, 'with a good exit status');
is(scalar(left_running()), 0, 'nothing it started runs on');
like(stop(), qr/^nothing runs in/, 'a second ./dev stop says that nothing runs');

# ---- a port that is taken
my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
my (undef, $refused) = serve($taken->sockport, qr/in use/);
like($refused, qr/port \d+ of 127\.0\.0\.1 is in use/, 'a taken port is told');
is(scalar(left_running()), 0, 'nothing is started at a taken port');

run(undef, 'rm', '-rf', $var);
finish();
