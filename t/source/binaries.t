# The modules as they are loaded: what they show, and the hardening they were built with.
use strict;
use warnings;
use CloudEP::Process qw(run);
use Test::More;

my $build = $ENV{CLOUDEP_BUILD};
my %modules = map { $_ => "$build/mod_$_.so" } qw(cloudep cloudep_auth cloudep_member);
my $sanitizer = { 1 => 'asan', thread => 'tsan' }->{ $ENV{CLOUDEP_SANITIZE} // '' };

sub symbols {
    my ($file, @options) = @_;
    return map { (split)[-1] =~ s/@.*//r } split /\n/, run(undef, 'nm', '-D', @options, $file);
}

# ---- exports: each module's record, and of the core what the content modules ask for, the one of t/wire among them
my %exported = map { $_ => [grep { !/^__odr_asan\./ } symbols($modules{$_}, '--defined-only')] } keys %modules;
my %asked = map { $_ => 1 } grep { /^cloudep_/ } map { symbols($_, '--undefined-only') }
    @modules{qw(cloudep_auth cloudep_member)}, "$build/mod_second_style.so";
cmp_ok(scalar keys %asked, '>', 20, 'the content modules ask the core for functions');
is_deeply([grep { !$asked{$_} } sort @{ $exported{cloudep} }], ['cloudep_module'],
    'the core shows its record and what the content modules ask for');
my %shown = map { $_ => 1 } @{ $exported{cloudep} };
is_deeply($exported{$_}, ["${_}_module"], "$_ shows its record only") for qw(cloudep_auth cloudep_member);
for my $name (qw(cloudep_auth cloudep_member)) {
    is_deeply([grep { /^cloudep_/ && !$shown{$_} } symbols($modules{$name}, '--undefined-only')],
        [], "what $name asks of the core is there");
}

# ---- hardening, as checksec reads it
for my $file (sort(values %modules), "$build/cloudepctl") {
    my $name = $file =~ s{.*/}{}r;
    my $segments = run(undef, 'readelf', '-lW', $file);
    my $dynamic = run(undef, 'readelf', '-dW', $file);
    like($segments, qr/^\s+GNU_STACK\s.*\sRW\s/m, "$name: the stack cannot be executed");
    unlike($segments, qr/^\s+LOAD\s.*\sRWE\s/m, "$name: nothing is writable and executable");
    like($segments, qr/^\s+GNU_RELRO\s/m, "$name: relocations are read-only");
    like($dynamic, qr/\bBIND_NOW\b/, "$name: all of them, bound at load");
    unlike($dynamic, qr/\(TEXTREL\)/, "$name: no relocation in code");
    unlike($dynamic, qr/\((?:RPATH|RUNPATH)\)/, "$name: libraries come from the system only");
    my %uses = map { $_ => 1 } symbols($file, '--undefined-only');
    if ($sanitizer) {
        ok($uses{"__${sanitizer}_init"}, "$name: built with the sanitizer") or diag($file);
        next;
    }
    ok($uses{__stack_chk_fail}, "$name: stack protector");
    is_deeply([grep { /^(?:strcpy|strcat|sprintf|snprintf|vsnprintf|fprintf|printf)$/ && !$uses{"__${_}_chk"} } sort keys %uses], [],
        "$name: what can be checked is fortified");
}
my $ctl = run(undef, 'readelf', '-hdW', "$build/cloudepctl");
like($ctl, qr/^\s+Type:\s+DYN\b/m, 'cloudepctl is position independent');
like($ctl, qr/\bPIE\b/, 'and an executable');
done_testing();
