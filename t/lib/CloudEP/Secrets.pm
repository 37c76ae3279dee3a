package CloudEP::Secrets;

# The passwords, codes and tokens that the tests used, and the search for them where they must never be.

use strict;
use warnings;
use CloudEP::Postgres;
use CloudEP::Process qw(capture run slurp);
use File::Find ();
use File::Temp ();

# Numbers that every log and every dump holds: the outcomes, and how many milliseconds a thread of mod_http2 stays idle. A
# code that is one of them by chance, as one of a million is, cannot be looked for.
my $EVERYWHERE = qr/^(?:102000|(?:10|28|29)\d{3}00[01]|600000)$/;

# Appends one to the record; a short line in one write, so parallel tests do not mix theirs.
sub note {
    my ($file, $text) = @_;
    my $bytes = "$text\n";
    utf8::encode($bytes);
    open my $out, '>>', $file or die "$file: $!";
    syswrite $out, $bytes;
}

# Of the record, only what cannot stand in a log by chance: codes of six or eight digits, and longer texts that have both
# digits and something else. Tokens need no list: nothing of their form may appear.
sub new {
    my ($class, $file) = @_;
    my (%codes, %texts);
    for my $secret (split /\n/, eval { slurp($file) } // '') {
        if ($secret =~ /^(?:\d{6}|\d{8})$/) {

            # The database keeps the last TOTP step of each member: the time in half minutes.
            $codes{$secret} = 1 if $secret !~ $EVERYWHERE && abs($secret - time / 30) > 10_000;
        }
        elsif (length $secret >= 10 && $secret =~ /\d/ && $secret =~ /\D/ && $secret !~ /^eyJ/) {
            $texts{$secret} = 1;
        }
    }
    my $list = File::Temp->new;
    print $list map { "$_\n" } sort keys %texts;
    close $list or die "$list: $!";
    return bless { codes => \%codes, count => keys(%codes) + keys %texts, texts => $list }, $class;
}

sub count { $_[0]{count} }

# Those that stand in a text.
sub find {
    my ($self, $text) = @_;
    my %found;

    # grep, as a regular expression of Perl's takes hours for the tens of thousands of a long soak.
    my ($status, $hits, $errors) = capture($text, 'env', 'LC_ALL=C', 'grep', '-aoFf', $self->{texts}->filename);
    die "grep: $errors" if $status > 1;
    $found{$_} = 1 for split /\n/, $hits;
    $found{$1} = 1 while $text =~ /(eyJ[\w-]{10,}\.[\w-]+\.[\w-]{10,})/g;
    while ($text =~ /(?<![\w.-])(\d{6}|\d{8})(?![\w.-])/g) {
        $found{$1} = 1 if $self->{codes}{$1};
    }
    return sort keys %found;
}

# Those in a log of httpd's or of a service's: without the time, process and port at the start of a line, and without the
# processes and the kilobytes of a checkpoint that a line is about, which are numbers too.
sub find_in_log {
    my ($self, $log) = @_;
    return $self->find($log =~ s/^(?:\[[^\]]*\] ?)+//mgr =~ s/\b(?:(?:pid|process) |(?:distance|estimate)=)\K\d+//gir);
}

# Those in an access log in the tests' format: without the time at the start, and the bytes and microseconds of an answer.
sub find_in_access_log {
    my ($self, $log) = @_;
    return $self->find($log =~ s/^.*?\] //mgr =~ s/" \d{3}\K (?:\d+|-) \d+(?= \S+$)//mgr);
}

# Looks wherever a whole CloudEP may have left them, while its PostgreSQL and memcached run. Returns [place, bytes, found...]
# of each.
sub search {
    my ($self, $server, $services_log) = @_;
    my $logs = join '', map { slurp($_) } $services_log, glob "$server->{dir}/logs/error_log";
    my $access = join '', map { slurp($_) } glob "$server->{dir}/logs/access_log";
    my $memory = $server->memcached->dump;
    my $dump = run(undef, CloudEP::Postgres::program('pg_dump'), '-h', $server->pg->{run}, '-U', 'postgres', 'cloudep');

    # Rows are numbered in their first or second column.
    die "the dump of the database holds no members\n" if $dump !~ /^COPY cloudep\.members /m;
    return (
        ['a log', length $logs, $self->find_in_log($logs)], ['the access log', length $access, $self->find_in_access_log($access)],
        ['memcached', length $memory, $self->find($memory)],
        ['the database', length $dump, $self->find($dump =~ s/^(?:[\da-f-]{36}\t)?\K\d+\t|\bsetval\(\S+ \K\d+//mgr)],
    );
}

# A core file would hold them all.
sub cores {
    my ($folder) = @_;
    my @cores;
    File::Find::find({ no_chdir => 1, wanted => sub { push @cores, $_ if m{/(?:vg)?core(?:\.\d+)?$} && -f } }, $folder);
    return @cores;
}

1;
