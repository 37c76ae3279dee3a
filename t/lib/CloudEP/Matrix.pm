package CloudEP::Matrix;

# Which outcomes of a list (t/responses.tsv: the contract) the suite has seen.

use strict;
use warnings;
use CloudEP::Process qw(slurp);

# Appends one outcome; a short line in one write, so parallel tests do not mix theirs.
sub record {
    my ($file, $method, $path, $status, $code) = @_;
    open my $out, '>>', $file or die "$file: $!";
    syswrite $out, join("\t", $method, $path, $status, $code) . "\n";
}

# contract => the list, seen => the record, name => what the list is of
sub new {
    my ($class, %files) = @_;
    my $self = bless { name => $files{name} // 'the contract', order => [], rows => {}, seen => {}, extra => {} }, $class;
    my (undef, @contract) = split /\n/, slurp($files{contract});
    for my $line (@contract) {
        my ($method, $path, @outcome) = split /\t/, $line;
        push @{ $self->{order} }, "$method $path" unless $self->{rows}{"$method $path"};
        push @{ $self->{rows}{"$method $path"} }, "@outcome";
    }
    for my $line (split /\n/, eval { slurp($files{seen}) } // '') {
        my ($method, $path, @outcome) = split /\t/, $line;
        my $rows = $self->{rows}{"$method $path"} or next;
        my $kind = (grep { $_ eq "@outcome" } @$rows) ? 'seen' : 'extra';
        $self->{$kind}{"$method $path"}{"@outcome"}++;
    }
    return $self;
}

sub operations { @{ $_[0]{order} } }

sub saw { my ($self, $operation, $outcome) = @_; return $self->{seen}{$operation}{$outcome} }

# The outcomes of an operation that nobody saw, in the contract's order.
sub missing {
    my ($self, $operation) = @_;
    return grep { !$self->{seen}{$operation}{$_} } @{ $self->{rows}{$operation} };
}

# Outcomes of an operation that the contract does not list.
sub extra {
    my ($self, $operation) = @_;
    return sort keys %{ $self->{extra}{$operation} // {} };
}

# A table of all operations, one a line, and the sum.
sub table {
    my ($self) = @_;
    my ($seen, $all, @lines) = (0, 0);
    for my $operation ($self->operations) {
        my @missing = $self->missing($operation);
        my $rows = @{ $self->{rows}{$operation} };
        $seen += $rows - @missing;
        $all += $rows;
        push @lines, sprintf '%-52s %2d of %2d%s', $operation, $rows - @missing, $rows,
            @missing && @missing < $rows ? '   not seen: ' . join(', ', @missing) : '';
    }
    return join("\n", @lines, "$seen of $all outcomes of $self->{name} were seen") . "\n";
}

1;
