# The documents say what the code does: every directive with its default, every route, every outcome, every message id.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp);
use CloudEP::Source qw(c_files);
use File::Basename qw(dirname);
use Test::More;
use YAML::XS ();

chdir CloudEP::Httpd::top() or die;
my ($config, $guide, $readme, $operations) =
    map { slurp($_) } qw(httpd.conf.d/cloudep.conf doc/directives.md README.md doc/operations.md);

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

sub product { my $n = 1; $n *= $_ for split /\s*\*\s*/, $_[0]; return $n }

sub directives_of_code {
    my %found;
    my $text = slurp('common/core/config.h') =~ s/\\\n//gr;
    while ($text =~ /\b(FLAG|NUMBER|SECONDS|TEXT|FILENAME|LIST|ROWS)\(\s*\w+,\s*"(CloudEP\w+)",\s*("[^"]*"|[^,]+)/g) {
        my ($kind, $name, $default) = ($1, $2, $3);
        $found{$name} = $kind =~ /^(?:FILENAME|LIST|ROWS)$/ || $default =~ /^(?:NULL|CLOUDEP_UNSET)/ ? undef
            : $default =~ /^"(.*)"$/ ? $1 : product($default);
    }
    $text = slurp('common/guard/guard.h');
    $found{$2} = $1 eq 'FLAG' ? 0 : undef while $text =~ /AP_INIT_(\w+)\("(CloudEP\w+)"/g;
    return %found;
}

my %code = directives_of_code();
cmp_ok(scalar keys %code, '>', 50, 'the command tables were read');

sub defaults_are {
    my ($found, $where) = @_;
    same([keys %$found], [keys %code], "$where has every directive and no other");
    my @wrong = grep { exists $found->{$_} && exists $code{$_} && ($found->{$_} // 'none') ne ($code{$_} // 'none') } sort keys %code;
    is(join(', ', map { "$_ is $code{$_}, not $found->{$_}" } grep { defined $code{$_} && defined $found->{$_} } @wrong)
        . join(', ', grep { !defined $code{$_} || !defined $found->{$_} } @wrong), '', "$where has their defaults");
}

my (%described, @misplaced);
my $in_places = slurp('common/guard/guard.h');    # those of a Location
while ($guide =~ /^### (CloudEP\w+)\n\n.+?\n\n    Syntax:  (CloudEP\w+) .*\n    Default: (?:(CloudEP\w+) )?(.+)\n    Context: (directory|server)/mg) {
    my ($name, $syntax, $owner, $default, $context) = ($1, $2, $3, $4, $5);
    push @misplaced, $name if $syntax ne $name || ($owner // $name) ne $name
        || $context ne ($in_places =~ /"$name"/ ? 'directory' : 'server');
    $described{$name} = $owner ? value_of($default) : undef;
}
is("@misplaced", '', 'doc/directives.md: syntax, default and context are each of their directive');
defaults_are(\%described, 'doc/directives.md');

my %listed;
while ($readme =~ /^\| \[(CloudEP\w+)\]\(doc\/directives\.md#\w+\) \| (?:`([^|`]+)`)? ?\| (?:server|directory) \|/mg) {
    $listed{$1} = defined $2 ? value_of($2) : undef;
}
defaults_are(\%listed, 'the table of README.md');

# In the configuration what is commented out has its default behind it; what has none, or is in use, an example.
my %shipped;
while ($config =~ /^(#(?:    #?)?)?(CloudEP\w+) (.+)$/mg) {
    my ($comment, $name, $value) = ($1, $2, $3);
    $shipped{$name} = !exists $code{$name} ? $value : $comment && defined $code{$name} ? value_of($value) : $code{$name};
}
defaults_are(\%shipped, 'httpd.conf.d/cloudep.conf');

# ---- routes and outcomes

my $api = YAML::XS::LoadFile('doc/openapi.yaml');
my $KEYS = '/.well-known/jwks.json';    # a handler of its own, not in the route tables

my (@routes, %table);    # method and path; the name of its table of fields
for my $module (qw(auth member)) {
    my $text = slurp("mod_cloudep_$module/mod_cloudep_$module.c");
    my ($prefix) = slurp('common/core/cloudep.h') =~ /#define CLOUDEP_\U$module\E_PREFIX "(.*)"/;
    while ($text =~ /^\s*\{"([A-Z]+)", "([^"]+)",[^{}]*?, (\w+),\s+\w+\},/mg) {
        push @routes, "$1 $prefix$2";
        $table{$routes[-1]} = $3;
    }
}
my @operations = map { my $path = $_; map { [uc, $path, $api->{paths}{$path}{$_}] } sort keys %{ $api->{paths}{$path} } }
    sort keys %{ $api->{paths} };
same([map { "$_->[0] $_->[1]" } grep { $_->[1] ne $KEYS } @operations], \@routes, 'doc/openapi.yaml has every route and no other');

# What an operation takes, of the code: "name" or "name!" when it is required.
my $flows = join '', map { slurp($_) =~ s/\\\n//gr } glob 'mod_*/*.h mod_*/*.c';
my %macro = $flows =~ /^#define (FIELD_\w+)(?:\(field\))?\s+(\{.*\})\s*$/mg;
my %fields = (NULL => []);
while ($flows =~ /^const cloudep_field_t (\w+)\[\] = \{(.*?)\};$/msg) {
    my ($name, $text) = ($1, $2);
    $text =~ s/\b(FIELD_\w+)(?:\(("\w+")\))?/my $body = $macro{$1}; my $argument = $2; $body =~ s!\bfield\b!$argument!r/ge;
    $fields{$name} = [map { ($_->[0]) . ($_->[1] =~ /FIELD_REQUIRED/ ? '!' : '') } map { [/\.name = "(\w+)"(.*)/s] }
        grep { /\.name = "/ } $text =~ /(\{[^{}]*\})/g];
}

sub takes {
    my ($operation) = @_;
    my @parameters = map { resolve($_) } @{ $operation->{parameters} // [] };
    my $schema = resolve(($operation->{requestBody} // {})->{content}{'application/json'}{schema} // {});
    my %required = map { $_ => 1 } @{ $schema->{required} // [] };
    return ((map { $_->{name} . ($_->{required} ? '!' : '') } @parameters),
        map { $_ . ($required{$_} ? '!' : '') } keys %{ $schema->{properties} // {} });
}
my @different;
for my $operation (@operations) {
    my $name = "$operation->[0] $operation->[1]";
    my $code = $fields{ $table{$name} // next } // die "no table $table{$name}\n";
    my ($here, $there) = map { join ' ', sort @$_ } [takes($operation->[2])], $code;
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

# Which status a category has, by the table of the code.
my %NAMED = (BAD_REQUEST => 400, UNAUTHORIZED => 401, FORBIDDEN => 403, NOT_FOUND => 404, METHOD_NOT_ALLOWED => 405, CONFLICT => 409,
    REQUEST_ENTITY_TOO_LARGE => 413, LOCKED => 423, TOO_MANY_REQUESTS => 429, INTERNAL_SERVER_ERROR => 500, NOT_IMPLEMENTED => 501,
    BAD_GATEWAY => 502, SERVICE_UNAVAILABLE => 503);
my %category = slurp('common/core/cloudep.h') =~ /^\s+(CLOUDEP_\w+) = (\d{3}),?\s+\/\*/mg;
my %status = map { $category{ $_->[0] } => $NAMED{ $_->[1] } }
    map { [/(\w+), HTTP_(\w+)/] } slurp('common/core/problem.c') =~ /^\s+\{(CLOUDEP_\w+, HTTP_\w+)\},$/mg;

my (@documented, @wrong);
for my $operation (@operations) {
    my ($method, $path, $what) = @$operation;
    for my $status (sort keys %{ $what->{responses} }) {
        my $examples = resolve($what->{responses}{$status})->{content}{'application/json'}{examples} or next;
        for my $code (sort keys %$examples) {
            my $value = resolve($examples->{$code})->{value};
            my $expected = $code == 102000 ? 200 : $status{ substr $code, 2, 3 };
            push @documented, join "\t", $method, $path, $status, $code;
            push @wrong, "$documented[-1]: the example has $value->{code}" if $value->{code} != $code;
            push @wrong, "$documented[-1]: its category answers $expected" if $expected != $status && !($expected == 405 && $status == 415);
        }
    }
}
is(join("\n", @wrong), '', 'every example of doc/openapi.yaml has the code of its name, at the status of its category');
my %documented = map { $_ => 1 } @documented;
my ($head, @outcomes) = split /\n/, slurp('t/responses.tsv');
is(join("\n", grep { !$documented{$_} } @outcomes), '', 'doc/openapi.yaml has every outcome of the contract');
cmp_ok(scalar @outcomes, '==', 233, 'which are 233');

# Every reference leads somewhere.
sub references {
    my ($node) = @_;
    return ref $node eq 'HASH' ? (($node->{'$ref'} ? $node->{'$ref'} : ()), map { references($_) } values %$node)
        : ref $node eq 'ARRAY' ? map { references($_) } @$node : ();
}
is(join("\n", grep { !eval { resolve({ '$ref' => $_ }) } } references($api)), '', 'every $ref of doc/openapi.yaml leads somewhere');

# ---- what httpd logs

my %levels;    # of a message id: those of its calls; a debug message needs no explanation
for my $text (map { slurp($_) } grep { !/private\.h$/ } c_files(qw(common mod_cloudep_auth mod_cloudep_member))) {
    $levels{$1} //= {} while $text =~ /\bCENO\((\d+)\)/g;
    while ($text =~ /(?:\bap_log_\w+\(\s*APLOG_MARK|\bLOG\(\w+),([^;]*?)CENO\((\d+)\)/g) {
        my ($before, $id) = ($1, $2);
        $levels{$id}{ lc $1 } = 1 while $before =~ /\bAPLOG_(?!DEBUG)(\w+)/g;
    }
}
my (@explained, @other);
while ($operations =~ /^\| (CE\d[^|]*?) \| ([^|]+?) \|/mg) {
    my ($ids, $told) = ($1, $2);
    my @row = map { my ($first, $last) = /(\d+)(?:-(\d+))?/; $first .. $last // $first } $ids =~ /CE(\d+(?:-\d+)?)/g;
    push @explained, @row;
    my $logged = join ', ', sort keys %{ { map { %{ $levels{$_} // {} } } @row } };
    push @other, "$ids: $logged" if $logged ne join ', ', sort split /, /, $told;
}
same(\@explained, [keys %levels], 'doc/operations.md explains every message id and no other');
is(join("\n", @other), '', 'and says its level');

# ---- links

my @dead;
for my $document ('README.md', 'SECURITY.md', glob('doc/*.md'), 't/oidc/README.md', 't/zitadel/README.md') {
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
