package CloudEP::Reasons;

# The reasons that doc/openapi.yaml, or the document of another style, lists for each operation, so that every refusal that any test gets is held against it.

use strict;
use warnings;
use CloudEP::Httpd;
use YAML::XS ();

# What httpd itself refuses, and what other methods of the path answer.
my %ANYWHERE = map { $_ => 1 } qw(request_refused access_refused method_not_allowed tls_required);

# "POST /path" => status => reason => 1
sub listed {
    my ($api) = @_;
    my %listed;
    for my $path (keys %{ $api->{paths} }) {
        for my $method (grep { $_ ne 'parameters' } keys %{ $api->{paths}{$path} }) {
            my $responses = $api->{paths}{$path}{$method}{responses};
            for my $status (keys %$responses) {
                my $name = ($responses->{$status}{'$ref'} // '') =~ s{.*/}{}r;
                my $response = length $name ? $api->{components}{responses}{$name} : $responses->{$status};
                my $reasons = $response->{content}{'application/json'}{schema}{properties}{reason}{enum} // $response->{content}{"application/json"}{schema}{properties}{code}{enum} // [];
                $listed{ uc($method) . " $path" }{$status}{$_} = 1 for @$reasons;
            }
        }
    }
    return \%listed;
}

# The path as the document has it: with {id} for an id.
sub pattern { $_[0] =~ s{/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=/|\z)}{/{id}}r }

# What is wrong with the reason of a refusal; nothing where the path is not an operation's.
sub faults {
    my ($method, $path, $status, $reason, $document) = @_;
    $document //= 'doc/openapi.yaml';
    our %listed;
    $listed{$document} //= listed(YAML::XS::LoadFile(CloudEP::Httpd::top() . "/$document"));
    my $operation = $listed{$document}{ "$method " . pattern($path) } // return;
    return $operation->{$status}{$reason} || $ANYWHERE{$reason} ? () : "$document does not list $reason for $method $path at $status";
}

1;
