# Writes the codes of each refusal in doc/openapi.yaml beside its reasons, as its examples have them; after a refusal was
# added there: perl t/contract/codes.pl doc/openapi.yaml
use strict;
use warnings;
use open qw(:std :encoding(UTF-8));

my ($file) = @ARGV;
open my $in, '<', $file or die "$file: $!";
my @lines = <$in>;
close $in;

my $codes = qr/(?:code: \{enum: \[[^\]]*\]\}, )?/;
for my $i (0 .. $#lines) {
    my ($indent) = $lines[$i] =~ m{^( *)schema: \{allOf: \[\{\$ref: '#/components/schemas/Problem'\}\], properties: \{${codes}reason: \{enum} or next;
    my %seen;
    for my $line (@lines[$i + 1 .. $#lines]) {
        last if $line =~ /^( *)\S/ && length $1 < length $indent;
        $seen{$1} = 1 if $line =~ /value: \{code: (\d+), reason/;
    }
    %seen or die "$file: line " . ($i + 1) . " has no examples\n";
    my $list = join ', ', sort keys %seen;
    $lines[$i] =~ s/properties: \{${codes}reason:/properties: {code: {enum: [$list]}, reason:/;
}
open my $out, '>', $file or die "$file: $!";
print {$out} @lines;
close $out or die "$file: $!";
