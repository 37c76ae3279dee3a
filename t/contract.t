# What the run has asked and was answered, held against doc/openapi*.yaml; runs after all other files, and judges as much as
# there is. Before that, that the check finds what it has to find.
use strict;
use warnings;
use CloudEP::Contract;
use CloudEP::Process qw(spew);
use CloudEP::Test;

my %headers = ('content-type' => 'application/json', vary => 'Origin', 'cache-control' => 'no-store', 'x-content-type-options' => 'nosniff', 'x-request-id' => 'r');
my %sent = (tenant_slug => 'acme', challenge_id => 'c', code => '123456');
my %tokens = (access_token => 'a', refresh_token => 'r', expires_in => 900, uid => '0c8f1a52-6f0b-4a6c-9a53-1f7e2d9b4c10', token_type => 'Bearer');
my %confirmed = (method => 'POST', path => '/api/v1/auth/register/confirm', body => \%sent, status => 200, headers => \%headers,
    json => { code => 102000, message => 'SUCCESS', data => \%tokens });
my %problem = (code => 29505000, reason => 'code_wrong', message => 'the code is wrong', request_id => 'r');
my %refused = (%confirmed, status => 403, json => \%problem);

my @planted = (
    ['nothing in a true answer', qr/^\z/, %confirmed],
    ['nothing in a true refusal', qr/^\z/, %refused],
    ['a member that is not described', qr/must NOT have unevaluated properties extra/, %confirmed, json => { %{ $confirmed{json} }, extra => 1 }],
    ['one in the data', qr{/data must NOT have unevaluated properties extra}, %confirmed, json => { %{ $confirmed{json} }, data => { %tokens, extra => 1 } }],
    ['one that is missing', qr/must have required property 'uid'/, %confirmed, json => { %{ $confirmed{json} }, data => { %tokens{qw(access_token refresh_token expires_in token_type)} } }],
    ['one of another type', qr{/data/expires_in must be integer}, %confirmed, json => { %{ $confirmed{json} }, data => { %tokens, expires_in => 'soon' } }],
    ['a status', qr/status 418 is not documented/, %refused, status => 418],
    ['a code', qr{/code must be equal to one of the allowed values}, %refused, json => { %problem, code => 29505009 }],
    ['the code of another reason', qr/code of code_wrong is 28505000/, %refused, json => { %problem, code => 28505000 }],
    ['a reason', qr{/reason must be equal to one of the allowed values}, %refused, json => { %problem, reason => 'unheard_of' }],
    ['a message', qr/message of code_wrong is No/, %refused, json => { %problem, message => 'No' }],
    ['a header', qr/header x-secret is not documented/, %confirmed, headers => { %headers, 'x-secret' => 'yes' }],
    ['a header that is missing', qr/header cache-control is missing/, %confirmed, headers => { %headers{ grep { $_ ne 'cache-control' } keys %headers } }],
    ['a media type', qr{media type text/html is not documented}, %confirmed, headers => { %headers, 'content-type' => 'text/html' }],
    ['a path below the prefixes', qr/the path is not documented/, %confirmed, path => '/api/v1/auth/nowhere'],
    ['a request that should not have been taken', qr/the request was taken: must have required property 'code'/, %confirmed,
        body => { %sent{qw(tenant_slug challenge_id)} }],
    ['a parameter', qr/the parameter x was taken/, %confirmed, query => 'x=1'],
);
my $planted = CloudEP::Test::own_folder('planted') . '/records';
spew($planted, join '', map { my (undef, undef, %record) = @$_; CloudEP::Contract::line(%record) } @planted);
my %said = map { $_->[0] => join ', ', @{ $_->[1] } } @{ CloudEP::Contract::check($planted)->{lines} };
like($said{ $_ + 1 } // '', $planted[$_][1], "it finds $planted[$_][0]") for 0 .. $#planted;

my $result = CloudEP::Contract::check(CloudEP::Contract::file());
is_deeply($result->{examples}, [], 'every example of the documents is as its schema says');
my %found = %{ $result->{differences} };
is(join("\n", map { "$_ ($found{$_} times)" } sort keys %found), '', 'every answer of this run is as its document says');
diag("$result->{checked} answers of $result->{operations} operations were held against doc/openapi*.yaml, $result->{elsewhere} were of other paths");

finish();
