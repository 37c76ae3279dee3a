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
    return join ' ', sort +(map { $_ . ($required{$_} ? '!' : '') } keys %{ $schema->{properties} // {} }),
        map { $_->{name} . ($_->{required} ? '!' : '') } @parameters;
}

for my $style (['account', 'doc/openapi-account.yaml', 't/account.tsv']) {
    my ($name, $document, $list) = @$style;
    my $paths = YAML::XS::LoadFile($document)->{paths};
    my %documented = map { my $path = $_; map { (uc($_) . " $path" => $paths->{$path}{$_}) } keys %{ $paths->{$path} } } keys %$paths;
    my %served = map { ("$_->{method} $_->{prefix}$_->{path}" => $_) } described("$name operations");
    is_deeply([sort keys %documented], [sort keys %served], "$document has every operation and no other");
    for my $operation (sort keys %served) {
        my $fields = join ' ', sort map { $_->{name} . ($_->{required} ? '!' : '') } @{ $served{$operation}{fields} };
        is(takes($documented{$operation} // {}), $fields, "$document: what $operation takes");
    }
    my (undef, @outcomes) = split /\n/, slurp($list);
    my @lost = grep { my ($method, $path, $status) = split /\t/; !$documented{"$method $path"}{responses}{$status} } @outcomes;
    is(join("\n", @lost), '', "$document has every outcome of $list");
}
done_testing();
