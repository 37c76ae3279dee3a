# doc/openapi.yaml by Redocly's linter, and by what generators of clients trip over.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Npm;
use CloudEP::Process qw(run slurp spew);
use CloudEP::Test;
use YAML::XS ();

my $top = CloudEP::Httpd::top();
sub lint { return run(undef, 'node', "$top/t/contract/lint.js", CloudEP::Npm::folder('contract'), $_[0]) }

is(lint("$top/doc/openapi.yaml"), '', 'the linter has nothing to say');
my $text = slurp("$top/doc/openapi.yaml");
my $broken = CloudEP::Test::own_folder('lint') . '/openapi.yaml';
spew($broken, $text =~ s/^      operationId: login$/      operationId: register/mr);
like(lint($broken), qr/^operation-operationId-unique at /m, 'and has where an operation has the name of another');

# ---- generators
my $api = YAML::XS::Load($text);
my @operations = map { my $item = $_; map { $item->{$_} } sort keys %$item } values %{ $api->{paths} };

# hey-api calls what goes into an operation and comes out of it so.
my %taken = map { my $name = ucfirst $_->{operationId}; map { ("$name$_" => 1) } qw(Data Error Errors Response Responses) } @operations;
is(join(' ', grep { $taken{$_} } sort keys %{ $api->{components}{schemas} }), '', 'no schema has a name that a generator gives to an operation');

# openapi-typescript makes what has a default required, also in a request.
sub defaults {
    my ($node, $place) = @_;
    return map { defaults($node->[$_], "$place/$_") } 0 .. $#$node if ref $node eq 'ARRAY';
    return () if ref $node ne 'HASH';
    return (exists $node->{default} ? $place : ()), map { defaults($node->{$_}, "$place/$_") } sort keys %$node;
}
is(join(' ', map { defaults($api->{components}{schemas}{$_}, $_) } sort keys %{ $api->{components}{schemas} }), '', 'no member has a default that makes it required');

finish();
