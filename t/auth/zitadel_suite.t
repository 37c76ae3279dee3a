# The tests of register, confirm, resume and login once more, with passwords at a ZITADEL: to a client both are one.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Process qw(capture spew);
use CloudEP::Zitadel;

my $zitadel = zitadel();

# A policy for passwords as ours is.
$zitadel->state(complexity => { map { $_ => JSON::PP::false } qw(requiresUppercase requiresLowercase requiresNumber requiresSymbol) });
my $server = zitadel_server($zitadel, values => {
        CloudEPCodeCooldown => 60, CloudEPKnownGuesses => 10, CloudEPUnknownGuesses => 100, CloudEPAddressAttempts => 50, CloudEPSweepInterval => 30,
});
my $description = CloudEP::Test::own_folder('suite') . '/server.json';
spew($description, $server->describe);

for my $file (qw(register confirm resume login)) {
    local $ENV{CLOUDEP_SERVER} = $description;
    my ($status, $output, $errors) = capture(undef, $^X, '-It/lib', "t/auth/$file.t");
    ok($status == 0 && $output =~ /^1\.\.[1-9]/m, "t/auth/$file.t with zitadel")
        or diag(grep { !/^ok/ } "$output$errors" =~ /^.*\n?/mg);
}
cmp_ok(asked($zitadel, "POST $_"), '>', 5, "ZITADEL was asked: $_") for '/v2/users/human', '/v2/sessions';

finish($server);
