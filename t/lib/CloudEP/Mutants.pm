package CloudEP::Mutants;

# Breakages of the sources that tests must notice, listed in t/mutants/*.txt, and the harness that tries them:
#
#     what breaks: in a few words, unique
#       common/base/store/session_store.c
#       t/unit/stores_test.c
#     - the text as it is, lines of it or a part of one
#     + the text in its place; none: it is left out
#
# An empty line ends an entry. Each test named must fail. Instead of tests an entry may have a line "= reason": the
# breakage changes nothing that a test could see, or only a second line of defence that cannot be driven alone.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(capture slurp spew);
use File::Basename qw(dirname);
use File::Find ();
use File::Path qw(make_path);
use IO::Handle;

# A test that takes longer hangs, which is noticed too.
my $HANG = 300;

# The entries of the files given, or of all lists.
sub entries {
    my @files = @_ ? @_ : glob 't/mutants/*.txt';
    return map { entries_of($_) } @files;
}

sub entries_of {
    my ($file) = @_;
    my @entries;
    for my $block (split /\n{2,}/, slurp($file)) {
        my @lines = grep { !/^#/ } split /\n/, $block or next;
        my %entry = (list => $file, name => shift @lines, tests => [], find => [], put => []);
        for (@lines) {
            if (/^  (\S+)$/) { $entry{file} ? push @{ $entry{tests} }, $1 : ($entry{file} = $1) }
            elsif (/^- (.+)$/) { push @{ $entry{find} }, $1 }
            elsif (/^\+ (.*)$/) { push @{ $entry{put} }, $1 }
            elsif (/^= (.+)$/) { $entry{reason} = $1 }
            else { push @{ $entry{strange} }, $_ }
        }
        $_ = join "\n", @$_ for @entry{qw(find put)};
        push @entries, \%entry;
    }
    return @entries;
}

# What is wrong with an entry itself, '': nothing.
sub fault {
    my ($entry) = @_;
    return "has a strange line: $entry->{strange}[0]" if $entry->{strange};
    return 'names no file that is there' if !$entry->{file} || !-f $entry->{file};
    return 'has no text to find' if $entry->{find} eq '';
    return 'changes nothing' if $entry->{find} eq $entry->{put};
    return 'needs either tests or a reason' if !@{ $entry->{tests} } == !$entry->{reason};
    my ($missing) = grep { !-f $_ } @{ $entry->{tests} };
    return "names a test that is not there: $missing" if $missing;
    my $found = () = slurp($entry->{file}) =~ /\Q$entry->{find}\E/g;
    return $found == 1 ? '' : "has a text that is found $found times in $entry->{file}";
}

# ---- trying them

# Tries the entries whose name, file or list matches the pattern, or all. Returns the exit status.
sub main {
    my ($pattern) = @_;
    chdir CloudEP::Httpd::top() or die;
    my @entries = grep { !defined $pattern || "$_->{name}\n$_->{file}\n$_->{list}" =~ /$pattern/ } entries();
    @entries or die "no breakage matches $pattern\n";
    my @wrong = grep { fault($_) } @entries;
    print STDERR "$_->{list}: $_->{name}: " . fault($_) . "\n" for @wrong;
    return 1 if @wrong;
    my @tried = grep { !$_->{reason} } @entries;
    my %tests = map { $_ => 1 } map { @{ $_->{tests} } } @tried;

    # First the tests as they are: one that fails anyhow notices nothing.
    my @tasks = ((map { +{ name => "nothing, $_", tests => [$_], whole => 1 } } sort keys %tests), @tried);
    my $missed = try_all(\@tasks);
    printf "%d breakages tried, %d not as they must be; %d more are listed with a reason\n", scalar @tried, $missed, @entries - @tried;
    return $missed ? 1 : 0;
}

# Several at a time, in a folder each; returns how many did not end as they must.
sub try_all {
    my ($tasks) = @_;
    my $workers = $ENV{CLOUDEP_MUTANTS_JOBS} || do { my $n = () = slurp('/proc/cpuinfo') =~ /^processor/mg; $n || 1 };
    pipe my $queue, my $feed or die "pipe: $!";
    pipe my $results, my $answer or die "pipe: $!";
    syswrite $feed, join '', map { sprintf "%06d", $_ } 0 .. $#$tasks;
    close $feed;
    my @pids = map { worker($_, $tasks, $queue, $answer) } 1 .. $workers;
    close $answer;
    my ($missed, $told) = (0, 0);
    while (my $line = <$results>) {
        print $line;
        STDOUT->flush;
        $told++;
        $missed++ if $line =~ /^not ok/;
    }
    waitpid $_, 0 for @pids;
    $told == @$tasks or die 'only ' . $told . ' of ' . @$tasks . " tasks came to an end\n";
    return $missed;
}

sub worker {
    my ($slot, $tasks, $queue, $answer) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    my $place = place("$ENV{CLOUDEP_VAR}/mutants/$slot");
    while (sysread $queue, my $number, 6) {
        my $task = $tasks->[$number];
        my ($ok, $how) = try($place, $task);
        syswrite $answer, sprintf "%s - %s%s\n", $ok ? 'ok' : 'not ok', $task->{name}, $how ? " ($how)" : '';
    }
    exit 0;
}

# A copy of the project with a build and services of its own; what was built there before is used again.
sub place {
    my ($dir) = @_;
    my %place = (source => "$dir/source", var => "$dir/var", top => CloudEP::Httpd::top());
    make_path(@place{qw(source var)});
    my %kept;
    my $unwanted = qr{^\Q$place{top}\E/(?:\.git|var|build)$};
    my $copy = sub {
        return $File::Find::prune = 1 if $_ =~ $unwanted;
        my $to = $place{source} . substr $_, length $place{top};
        $kept{$to} = 1;
        return make_path($to) if -d $_;
        return if -f $to && slurp($to) eq slurp($_);
        spew($to, slurp($_));
        chmod((stat)[2] & 07777, $to);
    };
    File::Find::find({ no_chdir => 1, wanted => $copy }, $place{top});
    File::Find::find({ no_chdir => 1, wanted => sub { unlink $_ if -f $_ && !$kept{$_} } }, $place{source});
    return \%place;
}

# Runs a task's tests with its breakage in the copy. Returns whether they end as they must, and how they did.
sub try {
    my ($place, $task) = @_;
    my $file = defined $task->{file} ? "$place->{source}/$task->{file}" : undef;
    my $text = $file && slurp($file);
    spew($file, $text =~ s/\Q$task->{find}\E/$task->{put}/r) if $file;
    my ($ok, $how) = (1, '');
    for my $test (@{ $task->{tests} }) {
        my $end = run_test($place, $test);
        next if $end eq ($task->{whole} ? 'passed' : 'failed');
        ($ok, $how) = (0, $end eq 'unbuilt' ? 'does not build' : "$test $end");
        last;
    }
    spew($file, $text) if $file;
    return ($ok, $how);
}

# How a test ends: passed, failed, unbuilt.
sub run_test {
    my ($place, $test) = @_;
    my $build = "$place->{var}/build";
    my $program = $test =~ m{^t/unit/(\w+)\.c$} ? "$build/unit/$1" : undef;

    # A breakage may leave a function or a parameter without use.
    my @make = (qw(make -s -f apxs.mk CFLAGS=-Wno-error), "BUILD=$build", ($ENV{APXS} ? "APXS=$ENV{APXS}" : ()), $program // qw(all helpers));
    return 'unbuilt' if in_place($place, @make) != 0;
    return in_place($place, 'timeout', '-k', 10, $HANG, $program // ('./dev', 'test', $test)) == 0 ? 'passed' : 'failed';
}

# Runs a command in the copy; returns its exit status. What it says is in the log.
sub in_place {
    my ($place, @command) = @_;
    local $ENV{CLOUDEP_VAR} = $place->{var};
    local $ENV{CLOUDEP_TOP} = $place->{source};
    local $ENV{CLOUDEP_BUILD} = "$place->{var}/build";
    my ($status, $output, $errors) = capture('', 'env', '-C', $place->{source}, @command);
    open my $log, '>>', "$place->{var}/log" or die "$place->{var}/log: $!";
    print $log "---- @command: $status\n$output$errors";
    close $log or die;
    return $status;
}

1;
