package CloudEP::Process;

# Child processes that end with us, and the few file helpers that everything beside it uses.
# Nothing in here knows what the processes are.

use strict;
use warnings;
use Exporter 'import';
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Socket qw(SO_REUSEADDR);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(spawn finish signal_all children alive mine end_leftover wait_until free_port run capture slurp spew
    socket_folder);

# Starts a command with its output appended to $log. It is told SIGTERM when this process dies in any way, and is
# in a process group of its own, so that a Ctrl-C reaches only us and we decide the order in which things end.
sub spawn {
    my ($log, $env, @command) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;

    setpgrp 0, 0;
    open STDIN, '<', '/dev/null' or die;
    open STDOUT, '>>', $log or die "$log: $!";
    open STDERR, '>&', \*STDOUT or die;
    $ENV{$_} = $env->{$_} for keys %$env;
    exec 'setpriv', '--pdeathsig=TERM', '--', @command or POSIX::_exit(127);
}

# Sends $signal to a child and waits for its end; after $timeout seconds it is killed. Returns its wait status.
sub finish {
    my ($pid, $signal, $timeout) = @_;
    kill $signal => $pid;
    my $deadline = time + ($timeout // 20);
    while (waitpid($pid, WNOHANG) == 0) {
        if (time > $deadline) {
            warn "process $pid did not end after SIG$signal: killed\n";
            kill KILL => $pid;
            waitpid $pid, 0;
            last;
        }
        sleep 0.02;
    }
    return $?;
}

# Sends a signal to a process and to all below it.
sub signal_all {
    my ($signal, $pid) = @_;
    my @children = children($pid);
    kill $signal => $pid;
    signal_all($signal, $_) for @children;
}

# The ids of a process's children.
sub children {
    my ($pid) = @_;
    return split ' ', eval { slurp("/proc/$pid/task/$pid/children") } // '';
}

# Does a child still run?
sub alive {
    my ($pid) = @_;
    return waitpid($pid, WNOHANG) == 0;
}

# The id in a pid file, if that process runs and has $mark on its command line: after a crash or a reboot the
# number may belong to a stranger.
sub mine {
    my ($file, $mark) = @_;
    my ($pid) = (eval { slurp($file) } // '') =~ /^(\d+)/ or return;
    my $command = eval { slurp("/proc/$pid/cmdline") } // '';
    return index($command, $mark) >= 0 ? $pid : undef;
}

# Ends a process that an earlier run left behind, known by its pid file and $mark; true if there was one.
sub end_leftover {
    my ($file, $mark, $signal) = @_;
    my $pid = mine($file, $mark) or return;
    kill $signal => $pid;
    wait_until(30, sub { !mine($file, $mark) }) or die "process $pid ($file) does not end\n";
    return 1;
}

# Calls $check every few milliseconds until it returns something true, which is returned; undef at the deadline.
sub wait_until {
    my ($timeout, $check) = @_;
    my $deadline = time + $timeout;
    while (1) {
        my $result = $check->();
        return $result if $result;
        return undef if time > $deadline;
        sleep 0.02;
    }
}

# A port of 127.0.0.1 that is this process's until it ends, below those that the system gives to clients. A socket is bound
# to it here and does not listen: servers, whose sockets have SO_REUSEADDR, can listen on it and come back to it, while
# another free_port finds it taken.
sub free_port {
    our @held;
    for (1 .. 100) {
        my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 20000 + int rand 12000) or next;
        $socket->sockopt(SO_REUSEADDR, 1) or die "SO_REUSEADDR: $!";
        push @held, $socket;
        return $socket->sockport;
    }
    die "no free port\n";
}

# A folder for unix sockets: the one given, or where its path is too long for that a fresh one, which ends with this
# process. The path of a socket may have 107 bytes, of which this leaves 17 to its name.
sub socket_folder {
    my ($dir) = @_;
    return length $dir > 90 ? tempdir('cloudep-XXXXXXXX', TMPDIR => 1, CLEANUP => 1) : $dir;
}

# Runs a command, returns its standard output; dies with its messages when it fails.
sub run {
    my ($input, @command) = @_;
    my ($status, $output, $errors) = capture($input, @command);
    die "@command[0 .. ($#command < 3 ? $#command : 3)] ... failed ($status): $errors$output\n" if $status;
    return $output;
}

# Runs a command; returns exit status, standard output and standard error.
sub capture {
    my ($input, @command) = @_;
    my @files = map { open my $file, '+>', undef or die "temporary file: $!"; $file } 0 .. 2;
    print { $files[0] } $input // '';
    $files[0]->flush;
    seek $files[0], 0, 0;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN, '<&', $files[0] or die;
        open STDOUT, '>&', $files[1] or die;
        open STDERR, '>&', $files[2] or die;
        exec @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    my ($output, $errors) = map { seek $_, 0, 0; local $/; scalar(<$_>) // '' } @files[1, 2];
    return ($status, $output, $errors);
}

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    return scalar(<$in>) // '';
}

# Writes a file so that nobody ever sees half of it.
sub spew {
    my ($file, $text) = @_;
    open my $out, '>:raw', "$file.new" or die "$file.new: $!\n";
    print $out $text or die "$file.new: $!\n";
    close $out or die "$file.new: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
}

1;
