# Each operation is served as t/operations.tsv says once more: what it needs, whether it needs a session, gives a new cookie
# or writes an event, and what its fields may be. None of that changes by the way.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp);
use CloudEP::Source qw(described);
use Test::More;

chdir CloudEP::Httpd::top() or die;

sub words { my ($words) = @_; return @$words ? join ' ', @$words : '-' }

# name TYPE min-max flags (choices)
sub field {
    my ($field) = @_;
    my $bounds = $field->{min} || $field->{max} ? " $field->{min}-$field->{max}" : '';
    return join q( ), "$field->{name} $field->{type}$bounds", @{ $field->{flags} }, @{ $field->{choices} } ? q[(] . words($field->{choices}) . q[)] : ();
}

my ($head, @rows) = split /\n/, slurp('t/operations.tsv');
my @columns = split /\t/, $head;
my %served = map {
    my $operation = $_;
    my $asked = "$operation->{method} $operation->{path}" . (defined $operation->{when} ? " with $operation->{when}" : '');
    ("$operation->{table}\t$asked" => join "\t", $operation->{table}, $asked, $operation->{name},
        map({ words($operation->{$_}) } qw(needs flags)), join(', ', map { field($_) } @{ $operation->{fields} }) || '-')
} described('served');
my %expected = map { my ($table, $asked) = split /\t/; ("$table\t$asked" => $_) } @rows;
is_deeply([sort keys %served], [sort keys %expected], 't/operations.tsv has every operation and no other');
is($served{$_}, $expected{$_}, "@{[split /\t/]}: @columns[2 .. $#columns]") for sort keys %expected;
done_testing();
