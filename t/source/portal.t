# The account pages have words for everything, in each language the same keys, and nothing in them is HTML made from text.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp);
use CloudEP::Source qw(described);
use JSON::PP ();
use Test::More;

chdir CloudEP::Httpd::top() or die;
my %texts = map { $_ => JSON::PP->new->utf8->decode(slurp("portal/texts/$_.json")) } qw(en zh-TW);
my @scripts = (glob('portal/*.js'), glob 'portal/pages/*.js');
cmp_ok(scalar @scripts, '>', 15, 'there are scripts');

is_deeply([sort keys %{ $texts{'zh-TW'} }], [sort keys %{ $texts{en} }], 'both languages have the same texts');
for my $key (sort keys %{ $texts{en} }) {
    my %placeholders = map { $_ => join ' ', sort $texts{$_}{$key} =~ /\{\w+\}/g } keys %texts;
    is($placeholders{'zh-TW'}, $placeholders{en}, "$key: with the same placeholders") if $placeholders{en} || $placeholders{'zh-TW'};
}
is_deeply([grep { $texts{'zh-TW'}{$_} !~ /[^\x00-\x{ff}]/ } sort keys %{ $texts{'zh-TW'} }], [], 'and the Chinese ones are Chinese');
is_deeply([grep { $texts{'zh-TW'}{$_} =~ /[,;:?!()](?=\p{Han})|[\p{Han}\x{ff09}][,;:?!()]/ } sort keys %{ $texts{'zh-TW'} }], [], 'with the punctuation of Chinese');

# ---- no reason, rule or operation is shown as it is
my @reasons = described('reasons');
cmp_ok(scalar @reasons, '>', 60, 'the reasons are known');
is_deeply([grep { !exists $texts{en}{"reason.$_"} } @reasons], [], 'each reason has words');
is_deeply([grep { !exists $texts{en}{"rule.$_"} } described('rules')], [], 'each rule has words');
is_deeply([grep { !exists $texts{en}{"event.$_"} } map { $_->{name} } described('operations')], [], 'each operation has a name for the history');

# ---- the scripts ask for no text that is not there, and there is none that nobody asks for
my $code = join "\n", map { slurp($_) } @scripts;
my %asked = map { $_ => 1 } $code =~ /\bt\("([^"]+)"/g, $code =~ /"((?:sign_in|register|back|reset|leave|two_step)[\w.]*)"/g;
is_deeply([grep { /^[\w.-]+$/ && !exists $texts{en}{$_} } map { $_ =~ /\./ ? $_ : () } sort keys %asked], [], 'every text that is asked for is there');
my @made = (qr/^(?:reason|rule|event|method)\./, qr/^nav\./, qr/^contacts\./);
my @unused = grep { my $key = $_; index($code, qq("$key")) < 0 && !grep { $key =~ $_ } @made } sort keys %{ $texts{en} };
is_deeply(\@unused, [], 'and none is left over');

# ---- the settings are the same where they are read, checked and explained
my ($defaults) = slurp('portal/state.js') =~ /^const DEFAULTS = \{(.*?)^\};/ms;
my @settings = sort $defaults =~ /(?:^|, )\s*(\w+): (?=[\["'{tf])/mg;
my %inner = map { $_ => 1 } qw(version url);
@settings = grep { !$inner{$_} } @settings;
cmp_ok(scalar @settings, '>', 12, 'the settings are known');
my ($table) = slurp('support/portal_files.c') =~ /\} settings\[\] = \{(.*?)^\};/ms;
is_deeply([sort $table =~ /\{"(\w+)",/g], \@settings, 'cloudepctl check knows each setting of portal.json');
my $manual = slurp('doc/portal.md');
is_deeply([sort $manual =~ /^\| `(\w+)` \| (?:`|\|)/mg], \@settings, 'and each is explained');

# ---- contrast (WCAG 1.4.3, 1.4.11): text 4.5:1, borders of fields and the ring of the focus 3:1, in both schemes
sub luminance {
    my @parts = map { $_ <= 0.04045 ? $_ / 12.92 : (($_ + 0.055) / 1.055)**2.4 } map { hex($_) / 255 } $_[0] =~ /^#(..)(..)(..)$/;
    return 0.2126 * $parts[0] + 0.7152 * $parts[1] + 0.0722 * $parts[2];
}
sub contrast { my ($more, $less) = sort { $b <=> $a } map { luminance($_) } @_; return ($more + 0.05) / ($less + 0.05) }
my ($light, $dark) = slurp('portal/portal.css') =~ /\A.*?(:root \{.*?^\}).*?prefers-color-scheme: dark\) \{(.*?)^\}/ms;
my %light = $light =~ /--([\w-]+): (#\w{6});/g;
my %scheme = (light => \%light, dark => { %light, $dark =~ /--([\w-]+): (#\w{6});/g });
isnt($scheme{dark}{page}, $scheme{light}{page}, 'there are two schemes');
for my $name (sort keys %scheme) {
    my %colour = %{ $scheme{$name} };
    for my $pair (['text', 'page'], ['text', 'surface'], ['text-soft', 'page'], ['text-soft', 'surface'], ['accent', 'page'], ['accent', 'surface'], ['accent-text', 'accent'],
        ['text', 'accent-soft'], ['accent', 'accent-soft'], ['good', 'good-soft'], ['warning', 'warning-soft'], ['bad', 'bad-soft'], ['bad', 'surface'], ['surface', 'bad'], ['page', 'text']) {
        cmp_ok(contrast(@colour{@$pair}), '>=', 4.5, "$name: the text $pair->[0] on $pair->[1]");
    }
    for my $pair (['control-line', 'surface'], ['control-line', 'page'], ['focus', 'page'], ['focus', 'surface'], ['bad', 'surface']) {
        cmp_ok(contrast(@colour{@$pair}), '>=', 3, "$name: the line $pair->[0] on $pair->[1]");
    }
}

# ---- what a page must not do
for my $file (@scripts) {
    my $text = slurp($file);
    unlike($text, qr/\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser|setAttribute\("(?:on|style))/, "$file: no HTML or code from text");
    unlike($text, qr{https?://(?!www\.w3\.org/2000/svg)}, "$file: nothing from another host");
    like($text, qr{^// [A-Z"]}, "$file: says what it is for");
    cmp_ok(scalar(() = $text =~ /\n/g), '<=', 300, "$file: length");
}
unlike(slurp('portal/index.html'), qr/ on\w+=| style=|<style|<script(?! type="module" src=")/, 'the page has no script and style of its own');

# ---- the headers, to the letter of design
my ($policy) = slurp('httpd.conf.d/cloudep-api.conf') =~ /Content-Security-Policy "([^"]+)"/;
is($policy, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; form-action 'self'; "
        . "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'", 'the policy is the one that was decided');
done_testing();
