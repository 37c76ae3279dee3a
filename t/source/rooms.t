# The house of doc/architecture.md: a file uses its own room and rooms below it, never one above or beside it. Held
# against the #include lines and against the symbols of the objects, which cannot lie; and there are no circles of files.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(run slurp);
use CloudEP::Source qw(c_files);
use Test::More;

chdir CloudEP::Httpd::top() or die;

# Folder => its height, and what the objects in it must not ask for. The longest name that fits a file is its room.
my %ROOMS = (
    'mod_cloudep_auth' => { height => 9 },
    'mod_cloudep_member' => { height => 9 },
    'common/guard' => { height => 8 },
    'common/operate' => { height => 8 },
    'common/wire' => { height => 7 },
    'common/access' => { height => 6 },
    'common/flow' => { height => 6, never => qr/^(?:ap_|json_)/ },
    'common/oidc' => { height => 5 },
    'common/service' => { height => 4, never => qr/^(?:ap_|json_)/ },
    'common/idp' => { height => 3 },
    'common/outbox' => { height => 3 },
    'common/core' => { height => 2 },
    'common/base' => { height => 1, never => qr/^ap_/ },
);

# The one file that includes every room.
my $TABLE = 'common/mod_cloudep.c';

# Only stores run statements.
my $STORES = qr{^common/base/store/};
my $STATEMENT = qr/^cloudep_db_run/;

# Rooms in which no two files may need each other; elsewhere two files may be one idea.
my $STRICT = qr{^common/(?:core|access|guard|wire)/};

my @files = c_files(qw(common mod_cloudep_auth mod_cloudep_member));
cmp_ok(scalar @files, '>', 100, 'there are files to look at');

sub room_of {
    my ($file) = @_;
    my ($room) = sort { length $b <=> length $a } grep { $file =~ m{^\Q$_\E/} } keys %ROOMS;
    return $room;
}
is_deeply([grep { !defined room_of($_) && $_ ne $TABLE } @files], [], 'every file is in a room');

# Whether the first file may use the second.
sub may_use {
    my ($from, $to) = @_;
    return 1 if $from eq $TABLE;
    return 0 if $to eq $TABLE;
    my ($own, $other) = map { room_of($_) } $from, $to;
    return $own eq $other || $ROOMS{$own}{height} > $ROOMS{$other}{height};
}

# ---- the #include lines
my %exists = map { $_ => 1 } @files;
my (%offences, $includes);
for my $file (@files) {
    for my $line (slurp($file) =~ /^\s*#\s*include\s+"([^"]+)"/mg) {
        my ($header) = grep { $exists{$_} } "common/$line", ($file =~ s{[^/]*$}{}r) . $line;
        $includes++;
        ok(0, "$file: there is no $line") if !$header;
        $offences{"$file includes $header"} = 1 if $header && !may_use($file, $header);
    }
}
cmp_ok($includes, '>', 200, 'they include each other');

# ---- the symbols
my $build = $ENV{CLOUDEP_BUILD};
my @sources = grep { /\.c$/ } @files;
my (%where, %wants);    # symbol => its file; file => { symbol => 1 }
for my $file (@sources) {
    my $object = "$build/" . ($file =~ s/c$/o/r);
    -e $object or die "there is no $object\n";
    for my $line (split /\n/, run(undef, 'nm', $object)) {
        my ($type, $symbol) = $line =~ /([A-Za-z]) (\S+)$/ or next;
        $where{$symbol} = $file if $type =~ /[TDRBCV]/;
        $wants{$file}{$symbol} = 1 if $type eq 'U';
    }
}
cmp_ok(scalar(grep { /^cloudep_/ } keys %where), '>', 300, 'the objects have symbols');
my (%uses, $uses);    # file => { file => a symbol }
for my $file (@sources) {
    my $never = ($ROOMS{ room_of($file) // '' } // {})->{never};
    for my $symbol (sort keys %{ $wants{$file} }) {
        $offences{"$file wants $symbol"} = 1 if $never && $symbol =~ $never;
        $offences{"$file runs a statement"} = 1 if $symbol =~ $STATEMENT && $file !~ $STORES && $file ne 'common/base/store/db.c';
        my $other = $where{$symbol};
        next if !$other || $other eq $file;
        $uses++;
        $uses{$file}{$other} = 1;
        $offences{"$file uses $other"} = 1 if !may_use($file, $other) && $symbol ne 'cloudep_module';
    }
}
cmp_ok($uses, '>', 500, 'and use each other');

# ---- circles: files of which each uses, over others, each other one (Tarjan)
sub circles {
    my ($edges) = @_;
    my (%number, %low, %on, @stack, @found, $visit);
    my $count = 0;
    $visit = sub {
        my ($node) = @_;
        $number{$node} = $low{$node} = ++$count;
        push @stack, $node;
        $on{$node} = 1;
        for my $next (sort keys %{ $edges->{$node} // {} }) {
            if (!$number{$next}) {
                $visit->($next);
                $low{$node} = $low{$next} if $low{$next} < $low{$node};
            }
            elsif ($on{$next} && $number{$next} < $low{$node}) {
                $low{$node} = $number{$next};
            }
        }
        return if $low{$node} != $number{$node};
        my @circle;
        do { push @circle, pop @stack; delete $on{ $circle[-1] } } while $circle[-1] ne $node;
        push @found, [sort @circle] if @circle > 1;
    };
    $number{$_} || $visit->($_) for sort keys %$edges;
    return @found;
}
is_deeply([circles({ a => { b => 1 }, b => { c => 1, d => 1 }, c => { a => 1 }, d => { d => 1 } })], [[qw(a b c)]],
    'a circle is noticed');

# The module record is a symbol of the table's file; that everybody knows it makes no circle.
my %calls;
for my $file (@sources) {
    for my $symbol (keys %{ $wants{$file} }) {
        my $other = $where{$symbol};
        $calls{$file}{$other} = 1 if $other && $other ne $file && $symbol ne 'cloudep_module';
    }
}
for my $circle (circles(\%calls)) {
    my %rooms = map { room_of($_) // $_ => 1 } @$circle;
    $offences{"circle: @$circle"} = 1 if keys %rooms > 1 || grep { $_ =~ $STRICT } @$circle;
}

is_deeply([sort keys %offences], [], 'no file uses a room above or beside its own, and there is no circle');
done_testing();
