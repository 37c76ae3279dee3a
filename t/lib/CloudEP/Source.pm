package CloudEP::Source;

# The C files of the project, for tests that read them, and what their tables declare.
use strict;
use warnings;
use CloudEP::Process qw(run);
use Exporter 'import';
use File::Find ();
use JSON::PP ();

our @EXPORT_OK = qw(c_files described);

# All C files and headers in the given folders and below them, sorted. Finding none is an error.
sub c_files {
    my @folders = @_;
    my @files;
    File::Find::find({ wanted => sub { push @files, $_ if /\.[ch]$/ }, no_chdir => 1 }, @folders);
    @files or die "there are no C files in @folders\n";
    return sort @files;
}

# A section of what t/describe/describe.c prints: directives, messages. An empty one is an error.
sub described {
    my ($section) = @_;
    my $all = JSON::PP->new->utf8->decode(run(undef, "$ENV{CLOUDEP_BUILD}/describe"));
    my $list = $all->{$section} // die "describe knows no $section\n";
    @$list or die "describe: no $section\n";
    return @$list;
}

1;
