package CloudEP::Suite;

# The suite around the test files: the services they share, httpd by Apache::Test, the harness that prove uses.

use strict;
use warnings;
use parent 'Apache::TestRun';
use CloudEP::Httpd;
use CloudEP::Memcached;
use CloudEP::Postgres;
use CloudEP::Process qw(end_leftover slurp spew);
use CloudEP::Server;
use CloudEP::Smtp;
use CloudEP::Valgrind;
use Digest::SHA qw(sha1_hex);
use Fcntl qw(LOCK_EX LOCK_NB);
use File::Find ();
use File::Path qw(make_path remove_tree);
use TAP::Harness;
use TAP::Parser::Aggregator;

# The longest file by far: what begins last is waited for.
my $FIRST = 't/threads.t';

# They run when everything else is over: they judge what the others left behind.
my @LAST = qw(t/contract.t t/suite.t);
my %is_last = map { $_ => 1 } @LAST;

# However this process ends, Apache::Test's httpd does with it: a daemon would stay. Not in the processes it forks.
my ($running_in, $owner) = (undef, $$);
END {
    local $?;
    end_httpd($running_in) if $running_in && $$ == $owner;
}

sub end_httpd {
    my ($dir) = @_;
    return end_leftover("$dir/server/httpd.pid", "$dir/server", 'TERM');
}

# Runs the files, or all; returns the exit status.
sub main {
    my ($class, @files) = @_;
    my $top = CloudEP::Httpd::top();
    chdir $top or die "$top: $!";
    CloudEP::Httpd::fix_addresses() if ($ENV{CLOUDEP_SANITIZE} // '') eq 'thread';
    my $dir = "$ENV{CLOUDEP_VAR}/test";
    make_path($dir);
    open my $lock, '>', "$dir/lock" or die "$dir/lock: $!";
    flock $lock, LOCK_EX | LOCK_NB or die "another ./dev test uses $ENV{CLOUDEP_VAR}: set CLOUDEP_VAR to another folder\n";
    fcntl $lock, Fcntl::F_SETFD(), Fcntl::FD_CLOEXEC();

    # Reports go to files, as an httpd child that dies of one says nothing to anybody. Pools are not freed one by one at
    # the end of a process, so leaks are no findings. A thread that ends by pthread_exit leaves marks on its stack, which
    # taking down its signal stack would be blamed for. What httpd, APR and libpq do is not instrumented: how they use
    # sockets and the C library would look like races where they have agreed on it unseen.
    $ENV{ASAN_OPTIONS} = "detect_leaks=0:use_sigaltstack=0:log_path=$dir/reports/sanitizer";
    $ENV{TSAN_OPTIONS} = "ignore_noninstrumented_modules=1:suppressions=$top/t/tsan.supp:log_path=$dir/reports/sanitizer";
    $ENV{UBSAN_OPTIONS} = "print_stacktrace=1:log_path=$dir/reports/sanitizer";

    @files = map { files_of($_) } @files;
    $running_in = $dir;
    local @SIG{qw(HUP TERM PIPE)} = (sub { exit 1 }) x 3;
    my $server = services($dir);
    my $self = $class->new;
    $self->{cloudep} = $server;
    $self->{files} = [@files ? @files : all_files($top)];
    {
        # Where Apache::Test finds what it wrote, as it is not below t/.
        local @INC = ($server->{dir}, @INC);
        $self->run(httpd_options($server));
    }
    $server->{$_}->stop for qw(pg memcached smtp);
    my @faults = (grep { /exit signal/ } split /^/, $server->log), map { "$_:\n" . slurp($_) } glob "$dir/reports/*";
    push @faults, CloudEP::Valgrind::all_findings() if CloudEP::Valgrind::command();
    print STDERR @faults;
    my $results = $self->{results} or return 1;
    $self->{harness}->summary($results);
    return $results->all_passed && !@faults ? 0 : 1;
}

# Starts what httpd needs, from nothing, and returns the server they make.
sub services {
    my ($dir) = @_;

    # A suite that was killed outright left httpd, and with it PostgreSQL, which waits for its connections.
    end_httpd($dir);
    end_leftover("$dir/pg/postmaster.pid", "$dir/pg", 'INT');
    remove_tree(map { "$dir/$_" } qw(pg run server own reports valgrind mail keys seen.tsv traffic.jsonl secrets));
    make_path(map { "$dir/$_" } qw(run own reports valgrind mail));
    my %common = (run => "$dir/run", log => "$dir/services.log");
    my $smtp = CloudEP::Smtp->new(%common, mail => "$dir/mail")->start;
    my $memcached = CloudEP::Memcached->new(%common)->start;
    my $template = template($dir);
    my $pg = CloudEP::Postgres->new(%common, data => "$dir/pg", template => $template)->start;
    my $server = CloudEP::Server->new(dir => "$dir/server", keys => "$dir/keys", pg => $pg,
        memcached => $memcached, smtp => $smtp);
    $server->prepare;
    return $server;
}

# A data folder with the schema in it, made once for each state of sql/: every PostgreSQL of the suite is a copy.
sub template {
    my ($dir) = @_;
    my $top = CloudEP::Httpd::top();
    my $state = sha1_hex(map { slurp($_) } glob("$top/sql/*.sql"), "$ENV{CLOUDEP_BUILD}/cloudepctl");
    my $template = "$dir/template-$state";
    return $template if -d $template;
    remove_tree(glob "$dir/template-*");
    my $pg = CloudEP::Postgres->new(data => "$template.making", run => "$dir/run", log => "$dir/services.log")->start;
    CloudEP::Server->new(dir => $dir, pg => $pg)->migrate;
    $pg->stop;
    rename "$template.making", $template or die "$template: $!";
    return $template;
}

# What Apache::Test is told: its folder is the server's, its httpd.conf and extra.conf are ours.
sub httpd_options {
    my ($server) = @_;
    my $dir = $server->{dir};
    make_path("$dir/conf", "$dir/htdocs", "$dir/logs");
    spew("$dir/modules.conf", CloudEP::Httpd::load_modules(build => $server->{build}));
    spew("$dir/conf/httpd.conf.in", slurp('t/conf/httpd.conf.in'));
    spew("$dir/conf/extra.conf.in", $server->configuration);
    my $httpd = CloudEP::Httpd::program();
    my @launcher = CloudEP::Httpd::launcher();
    my $library = CloudEP::Httpd::environment()->{LD_PRELOAD};
    if (@launcher || $library) {
        my $with = $library ? "LD_PRELOAD='$library' " : '';
        spew("$dir/httpd", "#!/bin/sh\n${with}exec @launcher $httpd \"\$@\"\n");
        chmod 0755, $httpd = "$dir/httpd";
    }
    return (
        -httpd => $httpd, -apxs => $ENV{APXS} || 'apxs', -httpd_conf => "$dir/modules.conf", -t_dir => $dir,
        -serverroot => $dir, -t_conf => "$dir/conf", -t_logs => "$dir/logs", -t_pid_file => "$dir/httpd.pid",
        -documentroot => "$dir/htdocs", -servername => '127.0.0.1', -port => $server->port, -trace => 'error',
    );
}

# Unit tests early: when they fail, the rest explains nothing.
sub all_files {
    my ($top) = @_;
    my @files;
    File::Find::find({ no_chdir => 1, wanted => sub { push @files, s{^\Q$top/}{}r if /\.t$/ } }, "$top/t");
    @files = sort grep { $_ ne $FIRST && !$is_last{$_} } @files;
    return ($FIRST, (sort glob "$ENV{CLOUDEP_BUILD}/unit/*_test"), @files, @LAST);
}

# Apache::TestRun would start this program again for the sake of core files, with the services running.
sub set_ulimit { }

# The files that a name stands for: a test, or all below a folder. A unit test is named by its source, and is a program
# of the build.
sub files_of {
    my ($name) = @_;
    my @files;
    File::Find::find({ no_chdir => 1, wanted => sub { push @files, $_ if /(?:\.t|_test\.c)$/ } }, $name);
    @files or die "there is no test $name\n";
    return map { m{([^/]+)\.c$} ? "$ENV{CLOUDEP_BUILD}/unit/$1" : $_ } sort @files;
}

# Called by Apache::TestRun once httpd is up.
sub run_tests {
    my ($self) = @_;
    my $server = $self->{cloudep};
    my $dir = "$ENV{CLOUDEP_VAR}/test";
    spew("$dir/server.json", $server->describe);
    local $ENV{CLOUDEP_SERVER} = "$dir/server.json";
    my @files = @{ $self->{files} };
    my @together = grep { !$is_last{$_} } @files;
    my $harness = TAP::Harness->new({
            jobs => $ENV{CLOUDEP_SANITIZE} ? 3 : 4,    # they wait more than they compute
            lib => ['t/lib'], timer => 1, verbosity => @files == 1 ? 1 : 0, color => -t STDOUT,
            failures => 1,    # a unit test says nothing on standard error
            rules => { seq => [{ par => \@together }, @LAST] },
    });
    my $results = TAP::Parser::Aggregator->new;
    $results->start;
    $harness->aggregate_tests($results, map { [$_, m{/(unit/\w+)$} ? $1 : $_] } @files);
    $results->stop;
    @{$self}{qw(harness results)} = ($harness, $results);
}

1;
