# Rules that the C sources keep: message ids, functions that are not used, sizes.
use strict;
use warnings;
use CloudEP::Process qw(capture slurp);
use CloudEP::Source qw(c_files described);
use Test::More;

my @all = c_files(qw(common mod_cloudep_auth mod_cloudep_member support));
my @sources = grep { !/\.h$/ } @all;
cmp_ok(scalar @all, '>', 100, 'there are sources');

# The code alone: comments and the insides of strings blanked, lines kept.
sub code {
    my ($file) = @_;
    return slurp($file) =~ s{(/\*.*?\*/|//[^\n]*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')}{my $text = defined $1 ? $1 : q(""); $text =~ tr/\n//cdr . (defined $2 ? $text : '')}gser;
}
my %code = map { $_ => code($_) } @all;

# ---- message ids: one place each, so that a line in a log names its line in the code
my %ids;
for my $file (@all) {
    push @{ $ids{$1} }, $file while $code{$file} =~ /\bCENO\((\d+)\)/g;
}
cmp_ok(scalar keys %ids, '>', 40, 'messages have ids');
is_deeply([grep { @{ $ids{$_} } > 1 } sort keys %ids], [], 'each of its own');
my %listed = map { $_->{id} => join ' ', sort @{ $_->{levels} } } described('messages');
is_deeply([sort { $a <=> $b } keys %ids], [sort { $a <=> $b } keys %listed], 'common/core/message_ids.h lists every id and no other');
my %levels;    # of an id: those that stand before it in its statement
for my $file (@sources) {
    while ($code{$file} =~ /([^;{}]*)\bCENO\((\d+)\)/g) {
        my ($before, $id) = ($1, $2);
        $levels{$id} = join ' ', sort map { lc } $before =~ /\b(?:APLOG_|CLOUDEP_LOG\(\s*\w+, )(CRIT|ERR|WARNING|NOTICE|INFO|DEBUG)\b/g;
    }
}
is_deeply([map { "CE$_ is written at: $levels{$_}; listed: " . ($listed{$_} // 'not') } grep { $levels{$_} ne ($listed{$_} // '') } sort keys %levels], [],
    'and the levels of each');
my $anonymous = qr/(?:\bap_log_\w+\(\s*APLOG_MARK|\bLOG\(\w+),\s*(?!APLOG_DEBUG|APLOG_TRACE)(?:(?!CENO|__VA_ARGS__)[^;])*;/;
like('ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "");', $anonymous, 'one without is noticed');
is_deeply([map { my $file = $_; map { "$file: $_" } $code{$file} =~ /($anonymous)/g } @sources], [], 'and no message above debug level is without one');

# ---- functions with a better one beside them
my @BANNED = qw(strcpy strcat sprintf vsprintf gets strncpy strncat strtok atoi atol atoll atof scanf sscanf rand srand random drand48 system popen
    alloca tmpnam mktemp tempnam gmtime localtime ctime asctime setjmp longjmp vfork);
my $banned = join '|', @BANNED;
is_deeply([map { my $file = $_; map { "$file: $_" } $code{$file} =~ /\b($banned)\s*\(/g } @all], [],
    'no banned function is called');
is_deeply([grep { $code{$_} =~ /\bmemcmp\s*\([^;]*(?:mac|tag|signature|secret|hash|digest)/i } @all], [],
    'secrets are not compared by memcmp');

# (void) marks a result that could have mattered. Those of a lock never do: it fails where the program is wrong.
my $cast = qr/\(void\)\s*apr_thread_(?:mutex_(?:un)?lock|cond_(?:signal|broadcast))\(/;
is_deeply([grep { $code{$_} =~ $cast } @all], [],
    'no lock, unlock, signal or broadcast is cast to void');
is_deeply([grep { slurp($_) =~ /\b(?:TODO|FIXME|XXX|HACK)\b/ } @all], [], 'nothing is left for later');

# ---- sizes
for my $file (@sources) {
    my @lines = split /\n/, slurp($file);
    cmp_ok(scalar @lines, '<=', 600, "$file: length");
    my ($start, @long);
    for my $i (0 .. $#lines) {
        $start = $i if $lines[$i] eq '{';
        push @long, $start + 1 if $lines[$i] eq '}' && defined $start && $i - $start > 61;
    }
    is("@long", '', "$file: functions fit a screen");
    my $name = $file =~ s{.*/}{}r;
    like($lines[1], qr/^ \* \Q$name\E - /, "$file: says what it owns");
}

# ---- form
my ($status, undef, $errors) = capture('', qw(make -s -f apxs.mk fmt-check));
is($status, 0, 'the C files are as .clang-format has them (./dev fmt)') or diag($errors);
done_testing();
