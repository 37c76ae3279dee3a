package CloudEP::Valgrind;

# httpd under valgrind's memcheck, and what it said: "./dev valgrind".

use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp);

sub folder { "$ENV{CLOUDEP_VAR}/test/valgrind" }

# What comes before httpd's command line. Each process has a log of its own; the modules' names stay known when they are
# unloaded, and files are named with their path, so that ours can be told.
sub command {
    return () if ($ENV{CLOUDEP_SANITIZE} // '') ne 'valgrind';
    return ('valgrind', '--leak-check=full', '--show-leak-kinds=definite', '--num-callers=40', '--keep-debuginfo=yes',
        '--fullpath-after=', '--suppressions=' . CloudEP::Httpd::top() . '/t/valgrind.supp', '--log-file=' . folder() . '/%p');
}

# The errors and definite leaks in a log whose stack has a function of ours in it.
sub findings {
    my ($log, $top) = @_;
    return grep { m{\(\Q$top\E/(?:common|mod_cloudep\w*)/} } split /\n\n+/, $log =~ s/^==\d+== ?//mgr;
}

# Those of all logs; dies when no process came to the point where its leaks are looked for.
sub all_findings {
    my @logs = grep { /^==\d+== (?:LEAK SUMMARY|All heap blocks were freed)/m } map { slurp($_) } glob folder() . '/*';
    my @findings = map { "$_\n\n" } map { findings($_, CloudEP::Httpd::top()) } @logs;
    printf STDERR "valgrind: %d processes looked at to their end, %d findings\n", scalar @logs, scalar @findings;
    return @logs ? @findings : "valgrind looked at nothing\n";
}

1;
