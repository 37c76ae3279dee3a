package CloudEP::Examples;

# Texts of the documents, for tests that run them as they stand.
#
#     my $conf = example_of('verify', 'apache', 'https://id.example.com' => $server->url);

use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp);
use Exporter 'import';

our @EXPORT = qw(example_of);

# The first example of doc/NAME.md in that language that has all these texts, with them replaced.
sub example_of {
    my ($name, $language, %replaced) = @_;
    for my $text (slurp(CloudEP::Httpd::top() . "/doc/$name.md") =~ /^```$language\n(.*?)^```$/msg) {
        next if grep { index($text, $_) < 0 } keys %replaced;
        $text =~ s/\Q$_\E/$replaced{$_}/g for sort keys %replaced;
        return $text;
    }
    die "doc/$name.md has no example in $language with ", join(', ', sort keys %replaced), "\n";
}

1;
