package CloudEP::Ctl;

# cloudepctl as an operator runs it, and what holds for every run: one line on standard error or none, the exit code,
# and with --json one document whatever happens.

use strict;
use warnings;
use CloudEP::Process qw(capture);
use JSON::PP ();
use Test::More;

# build => folder of cloudepctl, database => connection string or undef, environment => { more variables }
sub new {
    my ($class, %self) = @_;
    $self{build} //= $ENV{CLOUDEP_BUILD};
    return bless \%self, $class;
}

# Exit status, standard output, standard error.
sub run {
    my ($self, @arguments) = @_;
    return capture(undef, $self->command(@arguments));
}

sub command {
    my ($self, @arguments) = @_;
    my %environment = %{ $self->{environment} // {} };
    $environment{CLOUDEP_DATABASE} = $self->{database} if defined $self->{database};
    return ('env', '-u', 'CLOUDEP_DATABASE', (map { "$_=$environment{$_}" } sort keys %environment),
        "$self->{build}/cloudepctl", @arguments);
}

# A run that must succeed; returns what it printed.
sub done {
    my ($self, $name, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output, $errors) = $self->run(@arguments);
    is("$status $errors", '0 ', $name) or diag($output);
    return $output;
}

# The same with --json; returns the document.
sub json {
    my ($self, $name, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output, $errors) = $self->run(@arguments, '--json');
    my $document = eval { JSON::PP->new->utf8->decode($output) };
    ok($status == 0 && $errors eq '' && ref $document eq 'HASH', $name) or diag("exit $status\n$errors$output");
    return $document // {};
}

# A run that must fail with that exit code and a line that matches, without and with --json.
sub fails {
    my ($self, $code, $pattern, $name, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output, $errors) = $self->run(@arguments);
    my ($json_status, $json_output) = $self->run(@arguments, '--json');
    my $document = eval { JSON::PP->new->utf8->decode($json_output) } // {};
    my $error = $document->{error} // {};
    my $right = $status == $code && $output eq '' && $errors =~ /\Acloudepctl: [^\n]*\n\z/ && $errors =~ $pattern
        && $json_status == $code && ($error->{exit} // -1) == $code && ($error->{message} // '') =~ $pattern;
    ok($right, $name) or diag("exit $status and $json_status instead of $code\n$errors$output$json_output");
}

1;
