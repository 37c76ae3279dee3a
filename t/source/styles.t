# The document of each further API style says what its table of operations does, and has every outcome that its list has.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp);
use CloudEP::Source qw(described);
use Test::More;
use YAML::XS ();

chdir CloudEP::Httpd::top() or die;

# What an operation of the document takes: "name", or "name!" when it is required.
sub takes {
    my ($operation) = @_;
    my ($content) = values %{ ($operation->{requestBody} // {})->{content} // {} };
    my $schema = ($content // {})->{schema} // {};
    my %required = map { $_ => 1 } @{ $schema->{required} // [] };
    my @parameters = grep { $_->{in} eq 'query' } @{ $operation->{parameters} // [] };
    my %takes = map { $_ => 1 } (map { $_ . ($required{$_} ? '!' : '') } keys %{ $schema->{properties} // {} }),
        map { $_->{name} . ($_->{required} ? '!' : '') } @parameters;
    return join ' ', sort keys %takes;
}

for my $style (['account', 'doc/openapi-account.yaml', 't/account.tsv'], ['session', 'doc/openapi-session.yaml', 't/session.tsv']) {
    my ($name, $document, $list) = @$style;
    my $paths = YAML::XS::LoadFile($document)->{paths};
    my %documented = map { my $path = $_; map { (uc($_) . " $path" => $paths->{$path}{$_}) } grep { $_ ne 'parameters' } keys %{ $paths->{$path} } } keys %$paths;
    my %served = map { ("$_->{method} $_->{prefix}$_->{path}" =~ s/\{id\}/{key}/r => $_) } grep { length $_->{path} } described("$name operations");
    is_deeply([sort keys %documented], [sort keys %served], "$document has every operation and no other");
    for my $operation (sort keys %served) {
        my %fields = map { ($_->{name} . ($_->{required} && !defined $served{$operation}{when} ? '!' : '') => 1) } @{ $served{$operation}{fields} }, @{ $served{$operation}{instead} };
        my $fields = join ' ', sort keys %fields;
        is(takes($documented{$operation} // {}), $fields, "$document: what $operation takes");
    }
    my (undef, @outcomes) = split /\n/, slurp($list);
    my @lost = grep { my ($method, $path, $status) = split /\t/; $path =~ s/:key/{key}/; !$documented{"$method $path"}{responses}{$status} } @outcomes;
    is(join("\n", @lost), '', "$document has every outcome of $list");
}
done_testing();
