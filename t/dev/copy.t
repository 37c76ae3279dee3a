# ./dev in a folder whose path make, PostgreSQL and shells cannot take: it works on a copy, which goes on when another
# command begins, and what it made before is as it was. Wrong arguments are refused before anything is made.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(capture free_port run slurp spawn spew wait_until);
use CloudEP::Test;
use File::Path qw(make_path);

plan(skip_all => 'it builds without sanitizers') if $ENV{CLOUDEP_SANITIZE};

my $dir = CloudEP::Test::own_folder('copy');
my ($clone, $home, $port) = ("$dir/a clone", "$dir/home", free_port());
my $base = "$home/.cache/cloudep-dev";
make_path($clone, $home);
my $top = CloudEP::Httpd::top();
run(undef, 'sh', '-c', 'tar -C "$1" --exclude=./.git --exclude=./var --exclude=./build -cf - . | tar -C "$2" -xf -', 'sh', $top, $clone);

my %environment = (HOME => $home, CLOUDEP_PORT => $port, CLOUDEP_VAR => '', CLOUDEP_BUILD => '', CLOUDEP_TOP => '');

# Runs ./dev to its end; returns status and all it said.
sub dev {
    my (@arguments) = @_;
    my ($status, $output, $errors) = capture(undef, 'env', (map { "$_=$environment{$_}" } sort keys %environment), "$clone/dev", @arguments);
    return ($status, "$output$errors");
}

# Starts ./dev run, and returns its process once it serves.
sub serve {
    my $output = "$dir/output";
    unlink $output;
    my $pid = spawn($output, \%environment, "$clone/dev", 'run');
    my $said = sub { eval { slurp($output) } // '' };
    wait_until(300, sub { $said->() =~ /^CloudEP ready/m || waitpid($pid, POSIX::WNOHANG()) });
    like($said->(), qr{^CloudEP ready: http://127\.0\.0\.1:$port$}m, 'it serves');
    return $pid;
}

# Files that somebody else may read or write, of those that are private.
sub open_files {
    return grep { (stat)[2] & 077 } map { glob } "$base/*/var/keys", "$base/*/var/keys/*", "$base/*/var/pg", "$base/*/var/run";
}

# ---- arguments
my %wrong = (
    'a test that is not there' => [[qw(test t/smoke.t t/nothing.t)], qr{there is no test t/nothing\.t}],
    'a file that is no test' => [[qw(test README.md)], qr{there is no test or folder of tests README\.md}],
    'a folder without tests' => [[qw(test doc)], qr{there is no test or folder of tests doc}],
    'an option that test does not have' => [[qw(test --verbose)], qr{takes names of tests, not --verbose}],
    'an argument of run' => [[qw(run 8081)], qr{\./dev run takes no arguments: 8081}],
    'an argument of stop' => [[qw(stop it)], qr{\./dev stop takes no arguments: it}],
    'seconds that are no number' => [[qw(fuzz long)], qr{takes a number of seconds}],
);
for my $name (sort keys %wrong) {
    my ($status, $said) = dev(@{ $wrong{$name}[0] });
    ok($status && $said =~ $wrong{$name}[1], "$name is refused") or diag("$status: $said");
}
is((dev('nothing'))[0], 2, 'an unknown command is refused');
ok(!-e $base, 'and nothing was made for any of that');

# ---- twice in a row, the second time with what the first has left; the objects of the build are not made anew
my $checksum = (split ' ', run($clone, 'cksum'))[0];
make_path("$base/$checksum/var");
run(undef, 'cp', '-a', "$ENV{CLOUDEP_VAR}/build", "$base/$checksum/var/build");
for my $time (1, 2) {
    my $pid = serve();
    is(join(' ', open_files()), '', "run $time: keys and data are for the account alone");
    my ($source) = glob "$base/$checksum/source.*";
    spew("$clone/later", "$time\n");
    my ($status, $said) = dev('run');
    like($said, qr/a CloudEP already runs in/, "run $time: a second one is told so");
    ok(-e "$source/dev" && !-e "$source/later", "run $time: another command leaves its copy alone");
    is(scalar(() = glob "$base/$checksum/source.*"), 2, "run $time: and has one of its own");
    unlink "$clone/later";
    ($status, $said) = dev('stop');
    like($said, qr/^stopped$/m, "run $time: ./dev stop ends it");
    waitpid $pid, 0;
    is($? >> 8, 0, "run $time: it ends well");
}
is(readlink "$clone/var", "$base/$checksum/var", 'var leads to what was made');
dev('stop');
is(scalar(() = glob "$base/$checksum/source.*"), 1, 'copies that nobody uses are removed');

finish();
