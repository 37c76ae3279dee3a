package CloudEP::Source;
# The C files of the project, for tests that read them.
use strict;
use warnings;
use Exporter 'import';
use File::Find ();

our @EXPORT_OK = qw(c_files);

# All C files and headers in the given folders and below them, sorted. Finding none is an error.
sub c_files {
    my @folders = @_;
    my @files;
    File::Find::find({ wanted => sub { push @files, $_ if /\.[ch]$/ }, no_chdir => 1 }, @folders);
    @files or die "there are no C files in @folders\n";
    return sort @files;
}

1;
