package CloudEP::Contract;

# The requests and answers of a run, recorded, and held against doc/openapi.yaml by t/contract/check.js.

use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Npm;
use CloudEP::Process qw(run);
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# Where a run records.
sub file { "$ENV{CLOUDEP_VAR}/test/traffic.jsonl" }

# Appends a request, as [METHOD, path, data, headers...], and its answer; one write, so parallel tests do not mix theirs.
sub record {
    my ($request, $response) = @_;
    my ($method, $target, $data) = @$request;
    my ($path, $query) = split /\?/, $target, 2;
    open my $out, '>>', file() or die file() . ": $!";
    syswrite $out, line(method => $method, path => $path, query => $query, body => ref $data ? $data : undef,
        status => $response->status, headers => $response->headers, json => $response->json);
}

sub line { my (%record) = @_; return $json->encode(\%record) . "\n" }

# Holds the files of records against the document; returns what t/contract/check.js says.
sub check {
    my (@files) = @_;
    my $top = CloudEP::Httpd::top();
    return $json->decode(run(undef, 'node', "$top/t/contract/check.js", CloudEP::Npm::folder('contract'), "$top/doc/openapi.yaml", @files));
}

1;
