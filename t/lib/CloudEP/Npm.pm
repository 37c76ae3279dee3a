package CloudEP::Npm;

# The libraries of npm that the programs below t/ use, as their lock files say.

use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(run slurp);
use Digest::SHA qw(sha256_hex);
use Fcntl qw(LOCK_EX);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);

# The folder with what t/NAME/package-lock.json asks for, installed once for each state of that file. It is outside the
# project, which the tests may not be able to write to.
sub folder {
    my ($name) = @_;
    my $source = CloudEP::Httpd::top() . "/t/$name";
    my $var = $ENV{CLOUDEP_VAR} // CloudEP::Httpd::top() . '/var';
    my $dir = "$var/$name-" . substr sha256_hex(slurp("$source/package-lock.json")), 0, 16;
    make_path($var);
    open my $lock, '>', "$var/$name.lock" or die "$var/$name.lock: $!";
    flock $lock, LOCK_EX or die "$var/$name.lock: $!";
    return $dir if -d $dir;

    my $making = "$dir.making";
    remove_tree($making);
    make_path($making);
    copy("$source/$_", "$making/$_") or die "$_: $!" for qw(package.json package-lock.json);
    run(undef, qw(npm ci --ignore-scripts --no-audit --no-fund --prefix), $making);
    rename $making, $dir or die "$dir: $!";
    return $dir;
}

1;
