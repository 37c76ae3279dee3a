# The documents say what the code does: every directive with its default, every route, every outcome, every message id.
use strict;
use warnings;
use feature 'state';
use CloudEP::Httpd;
use CloudEP::Process qw(slurp);
use CloudEP::Source qw(described);
use File::Basename qw(dirname);
use JSON::PP ();
use Test::More;
use YAML::XS ();

chdir CloudEP::Httpd::top() or die;
my ($config, $guide, $operations) = map { slurp($_) } qw(httpd.conf.d/cloudep.conf doc/directives.md doc/operations.md);
$config .= slurp('httpd.conf.d/cloudep-api.conf');

# Two lists of names are the same; the difference is told by name.
sub same {
    my ($got, $expected, $name) = @_;
    my (%got, %expected);
    @got{@$got} = ();
    @expected{@$expected} = ();
    my @wrong = ((map { "without reason: $_" } sort grep { !exists $expected{$_} } keys %got),
        map { "missing: $_" } sort grep { !exists $got{$_} } keys %expected);
    ok(%expected && !@wrong, $name) or diag(join "\n", @wrong);
}

# ---- directives: name => default, undef when there is none

my %UNIT = ('' => 1, s => 1, min => 60, h => 3600, d => 86400);

# "15min" and 900 are the same, so are On and 1.
sub value_of {
    my ($text) = @_;
    return $text =~ /^On$/i ? 1 : $text =~ /^Off$/i ? 0 : $text =~ /^(\d+)(s|min|h|d)?$/ ? $1 * $UNIT{ $2 // '' } : $text;
}

# Of the code: name => default, and name => context.
my (%code, %context);
for my $directive (described('directives')) {
    my $default = $directive->{default};
    $code{ $directive->{name} } = JSON::PP::is_bool($default) ? $default + 0 : $default;
    $context{ $directive->{name} } = $directive->{context};
}
cmp_ok(scalar keys %code, '>', 50, 'the tables of directives were read');

sub defaults_are {
    my ($found, $where) = @_;
    same([keys %$found], [keys %code], "$where has every directive and no other");
    my @wrong = grep { exists $found->{$_} && exists $code{$_} && ($found->{$_} // 'none') ne ($code{$_} // 'none') } sort keys %code;
    is(join(', ', map { "$_ is $code{$_}, not $found->{$_}" } grep { defined $code{$_} && defined $found->{$_} } @wrong)
            . join(', ', grep { !defined $code{$_} || !defined $found->{$_} } @wrong), '', "$where has their defaults");
}

my (%described, @misplaced);
while ($guide =~ /^### (CloudEP\w+)\n\n.+?\n\n    Syntax:  (CloudEP\w+) .*\n    Default: (?:(CloudEP\w+) )?(.+)\n    Context: (directory|server)/mg) {
    my ($name, $syntax, $owner, $default, $context) = ($1, $2, $3, $4, $5);
    push @misplaced, $name if $syntax ne $name || ($owner // $name) ne $name
        || $context ne ($context{$name} // '');
    $described{$name} = $owner ? value_of($default) : undef;
}
is("@misplaced", '', 'doc/directives.md: syntax, default and context are each of their directive');
defaults_are(\%described, 'doc/directives.md');

# In the configuration what is commented out has its default behind it; what has none, or is in use, an example.
my %shipped;
while ($config =~ /^(#(?:    #?)?)?(CloudEP\w+) (.+)$/mg) {
    my ($comment, $name, $value) = ($1, $2, $3);
    $shipped{$name} = !exists $code{$name} ? $value : $comment && defined $code{$name} ? value_of($value) : $code{$name};
}
defaults_are(\%shipped, 'httpd.conf.d');

# ---- routes and outcomes

my $api = YAML::XS::LoadFile('doc/openapi.yaml');
my %DOCUMENTS = map { $_ => 1 } qw(/.well-known/jwks.json /.well-known/oauth-authorization-server /.well-known/webauthn); # handlers of their own, not in the route tables

my %served = map { ("$_->{method} $_->{prefix}$_->{path}" => $_) } described('operations');
my @operations = map { my $path = $_; map { [uc, $path, $api->{paths}{$path}{$_}] } sort keys %{ $api->{paths}{$path} } }
    sort keys %{ $api->{paths} };
same([map { "$_->[0] $_->[1]" } grep { !$DOCUMENTS{ $_->[1] } } @operations], [keys %served], 'doc/openapi.yaml has every operation and no other');

# What an operation takes: "name" or "name!" when it is required. Of a body of two shapes, oneOf, " | " is between them.
# An id in the path is no field.
sub takes {
    my ($operation) = @_;
    my @parameters = grep { $_->{in} ne 'path' } map { resolve($_) } @{ $operation->{parameters} // [] };
    my ($content) = values %{ ($operation->{requestBody} // {})->{content} // {} };
    my $schema = resolve(($content // {})->{schema} // {});
    return join ' | ', map { names(@parameters, properties(resolve($_))) } @{ $schema->{oneOf} // [$schema] };
}

# The members of a schema as fields have them: "object.name" for those of an object.
sub properties {
    my ($schema, $prefix, $needed) = @_;
    my %required = map { $_ => $needed // 1 } @{ $schema->{required} // [] };
    return map {
        my $member = resolve($schema->{properties}{$_});
        my $name = ($prefix // '') . $_;
        $member->{properties} ? properties($member, "$name.", $required{$_} // 0) : { name => $name, required => $required{$_} }
    } keys %{ $schema->{properties} // {} };
}

sub names { join ' ', sort map { $_->{name} . ($_->{required} ? '!' : '') } @_ }

my @different;
for my $operation (@operations) {
    my $name = "$operation->[0] $operation->[1]";
    my $code = $served{$name} // next;
    my ($here, $there) = (takes($operation->[2]), join ' | ', map { names(@$_) } $code->{fields},
        defined $code->{when} ? $code->{instead} : ());
    push @different, "$name: $here / $there" if $here ne $there;
}
is(join("\n", @different), '', 'doc/openapi.yaml has the fields of every operation, and which are required');

sub resolve {
    my ($node) = @_;
    while (ref $node eq 'HASH' && $node->{'$ref'}) {
        my $target = $api;
        $target = $target->{$_} for grep { $_ ne '#' } split m{/}, $node->{'$ref'};
        defined $target or die "nothing is at $node->{'$ref'}\n";
        $node = $target;
    }
    return $node;
}

# The refusals of an operation in the document: [status, reasons of its enum, examples by name, codes of its enum], of each
# status.
sub refusals {
    my ($operation) = @_;
    my @found;
    for my $status (grep { $_ >= 400 } sort keys %{ $operation->{responses} }) {
        my $json = resolve($operation->{responses}{$status})->{content}{'application/json'} // next;
        my %examples = map { ($_ => resolve($json->{examples}{$_})->{value}) } keys %{ $json->{examples} };
        push @found, [$status, $json->{schema}{properties}{reason}{enum} // [], \%examples, $json->{schema}{properties}{code}{enum} // []];
    }
    return @found;
}

# What is wrong with an example of a reason: it has to be what the tables of codes say, to the letter. Only a malformed
# request has messages that are more exact than its reason's.
sub example_faults {
    my ($status, $reason, $value, $expected) = @_;
    return 'there is no such reason' if !$expected;
    my @wrong = map { "its $_ is " . ($value->{$_} // 'missing') . ", not $expected->{$_}" }
        grep { ($value->{$_} // '') ne $expected->{$_} } 'code', $reason eq 'request_malformed' ? () : 'message';
    push @wrong, "it has the reason $value->{reason}" if ($value->{reason} // '') ne $reason;
    push @wrong, "its status is $expected->{status}" if $expected->{status} != $status;
    return @wrong, map { error_faults($_) } @{ $value->{errors} // [] };
}

sub error_faults {
    my ($error) = @_;
    state %rules = map { $_ => 1 } described('rules');
    return $rules{ $error->{rule} // '' } ? () : 'an error has the rule ' . ($error->{rule} // 'none');
}

my (@documented, @wrong, %used);
for my $operation (@operations) {
    my ($method, $path, $what) = @$operation;
    my $codes = ($served{"$method $path"} // next)->{codes};
    push @documented, "$method\t$path\t200\t102000" if $what->{responses}{200};
    for my $refusal (refusals($what)) {
        my ($status, $reasons, $examples, $codes_listed) = @$refusal;
        my $here = "$method $path $status";
        push @wrong, "$here: the reasons are @$reasons, the examples " . join ' ', sort keys %$examples
            if join(' ', sort @$reasons) ne join(' ', sort keys %$examples);
        my %told = map { $_->{code} // 'none' => 1 } values %$examples;
        push @wrong, "$here: the codes are @$codes_listed, those of the examples " . join ' ', sort keys %told
            if "@$codes_listed" ne join ' ', sort keys %told;
        for my $reason (sort keys %$examples) {
            push @wrong, map { "$here $reason: $_" } example_faults($status, $reason, $examples->{$reason}, $codes->{$reason});
            push @documented, join "\t", $method, $path, $status, $examples->{$reason}{code} // 'none';
            $used{$reason} = 1;
        }
    }
}
is(join("\n", @wrong), '', 'every reason of doc/openapi.yaml has an example, with its status, code and message');
my $schema = $api->{components}{schemas}{Problem}{properties}{errors}{items}{properties}{rule}{enum};
same($schema, [described('rules')], 'doc/openapi.yaml has every rule and no other');

# ---- doc/reasons.md: each reason once, and where it is answered

my (%meant, @twice);
for my $row (slurp('doc/reasons.md') =~ /^\| (`.+?) \| .+ \| .+ \|$/mg) {
    push @twice, grep { $meant{$_}++ } $row =~ /`(\w+)`/g;
}
is("@twice", '', 'doc/reasons.md has each reason once');
same([keys %meant], [grep { $_ ne 'done' } described('reasons')], 'doc/reasons.md has every reason and no other');
my @OF_HTTPD = qw(path_unknown request_refused access_refused tls_required);    # told by error.c and for unknown paths only
my @OF_COOKIES = qw(xsrf_required cross_site);    # where the session cookie says who asks
same([keys %used, @OF_HTTPD, @OF_COOKIES], [keys %meant], 'every reason is one of an operation, or of httpd itself');

my %documented = map { $_ => 1 } @documented;
for my $list (['t/responses.tsv', 'the contract', 233], ['t/mfa.tsv', 'the MFA API', 39]) {
    my ($file, $name, $count) = @$list;
    my ($head, @outcomes) = split /\n/, slurp($file);
    is(join("\n", grep { !$documented{s/ challenge_id//r} } @outcomes), '', "doc/openapi.yaml has a reason for every outcome of $name");
    cmp_ok(scalar @outcomes, '==', $count, "which are $count");
}

# ---- the version
my ($version) = described('version');
is($api->{info}{version}, $version, 'doc/openapi.yaml has the version of common/base/version.h');
my @releases = slurp('CHANGELOG.md') =~ /^## (\d+\.\d+\.\d+)(?=,| |$)/mg;
is($releases[0], $version, 'CHANGELOG.md begins with the version of common/base/version.h');

# Every reference leads somewhere.
sub references {
    my ($node) = @_;
    return ref $node eq 'HASH' ? (($node->{'$ref'} ? $node->{'$ref'} : ()), map { references($_) } values %$node)
        : ref $node eq 'ARRAY' ? map { references($_) } @$node : ();
}
is(join("\n", grep { !eval { resolve({ '$ref' => $_ }) } } references($api)), '', 'every $ref of doc/openapi.yaml leads somewhere');

# ---- what httpd logs

my %levels = map { $_->{id} => $_->{levels} } described('messages');    # a debug message needs no explanation
my (@explained, @other);
my $messages = slurp('doc/log-messages.md');
while ($messages =~ /^\| (CE\d[^|]*?) \| ([^|]+?) \|/mg) {
    my ($ids, $told) = ($1, $2);
    my @row = map { my ($first, $last) = /(\d+)(?:-(\d+))?/; $first .. $last // $first } $ids =~ /CE(\d+(?:-\d+)?)/g;
    push @explained, @row;
    my $logged = join ', ', sort keys %{ { map { $_ => 1 } grep { $_ ne 'debug' } map { @{ $levels{$_} // [] } } @row } };
    push @other, "$ids: $logged" if $logged ne join ', ', sort split /, /, $told;
}
same(\@explained, [keys %levels], 'doc/log-messages.md explains every message id and no other');
is(join("\n", @other), '', 'and says its level');

# ---- links

my @dead;
for my $document (glob('*.md'), glob('doc/*.md'), 'bench/README.md', 't/oidc/README.md', 't/zitadel/README.md') {
    my $text = slurp($document) =~ s/^```.*?^```$//msgr;
    for my $link ($text =~ /\]\(([^)\s]+)\)/g) {
        next if $link =~ /^https?:/;
        my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
        my $target = length $file ? dirname($document) . "/$file" : $document;
        my %anchors = map { my $title = lc; $title =~ s/[^\w\s-]//g; $title =~ s/\s/-/g; $title => 1 }
            -f $target && $target =~ /\.md$/ ? slurp($target) =~ /^#+ (.*)$/mg : ();
        push @dead, "$document: $link" if !-e $target || defined $anchor && !$anchors{$anchor};
    }
}
is(join("\n", @dead), '', 'every link of the documents leads somewhere');

done_testing();
