# What the whole suite leaves behind; runs after all other files.
use strict;
use warnings;
use CloudEP::Matrix;
use CloudEP::Secrets;
use CloudEP::Test;

my $suite = "$ENV{CLOUDEP_VAR}/test";

# ---- the contract: the two APIs that were first, the MFA API, and the styles "account" and "session", whose answers have no code
my %lists = ('t/responses.tsv' => 'the contract', 't/mfa.tsv' => 'the MFA API', 't/account.tsv' => 'the style "account"', 't/session.tsv' => 'the style "session"');
my @matrices = map { CloudEP::Matrix->new(contract => $_, seen => "$suite/seen.tsv", name => $lists{$_}) } sort keys %lists;
diag("\n", $_->table) for @matrices;

# What the design adds to the contract. Anywhere: what httpd itself refuses (scope 10), throttles, overload, a part that
# fails or is not configured. To single operations: what is wrong with an invite, a locked challenge, the fresh proof that
# CloudEPFreshness asks for, an identity provider that fails, and a tenant that lets nobody in.
my $anywhere = qr/^(?:(?:404|405|413|415|417|500|501|502|503) -|\d{3} 10\d{6}|429 2[89]604000|500 2[89]601000|501 2[89]605000|503 2[89]603000)$/;
my %added = (
    'POST /api/v1/auth/register' => { '404 28301000' => 1, '400 28101000' => 1 },
    'POST /api/v1/auth/register/confirm' => { '502 28802000' => 1, '403 28505000' => 1 },
    'POST /api/v1/auth/token/refresh' => { '403 28505000' => 1 },
    'POST /api/v1/auth/password/reset' => { '409 29309000' => 1 },
    'POST /api/v1/auth/login' => { '404 28301000' => 1 },
    'POST /api/auth/login' => { '400 -' => 1 },
    'POST /api/auth/totp/verify' => { '409 -' => 1 },
    'POST /api/auth/reauthenticate/start' => { '403 -' => 1 },
    'POST /api/session/reauthenticate/start' => { '400 -' => 1 },
    'POST /api/v1/auth/login challenge_id' => { '500 28201000' => 1 },
    'POST /api/v1/members/me/totp/enroll-start' => { '403 29505001' => 1 },
    'POST /api/v1/members/me/totp/backup-codes' => { '403 29505001' => 1 },
    'DELETE /api/v1/members/me/totp' => { '403 29505001' => 1 },
);
for my $matrix (@matrices) {
    for my $operation ($matrix->operations) {
        my @extra = grep { !/$anywhere/ && !$added{$operation}{$_} } $matrix->extra($operation);
        ok(!@extra, "$operation answered only what the contract or the design lists") or diag("also seen: @extra");
    }
}

# Whoever makes an operation succeed shows each way in which it does not; the failures of an outside identity provider
# from the first operation on that has one.
my $outside = '502 28802000';
my $has_outside = grep { my $matrix = $_; grep { $matrix->saw($_, $outside) } $matrix->operations } @matrices;
for my $matrix (@matrices) {
    for my $operation (grep { $matrix->saw($_, '200 102000') || $matrix->saw($_, '200 -') || $matrix->saw($_, '204 -') } $matrix->operations) {
        my @missing = grep { $_ ne $outside || $has_outside } $matrix->missing($operation);
        ok(!@missing, "$operation was brought to every outcome of the contract") or diag("not seen: @missing");
    }
}

# ---- secrets
my $secrets = CloudEP::Secrets->new("$suite/secrets");
note($secrets->count . ' passwords and codes were used');
my @planted = ('Pw-planted12345', '918273', 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2ln');
CloudEP::Secrets::note("$suite/secrets.planted", $_) for @planted, '102000', '28505000';
my $detector = CloudEP::Secrets->new("$suite/secrets.planted");
is_deeply([$detector->find("x $planted[0] y=$planted[1], Bearer $planted[2]")], [sort @planted], 'the search finds what is there');
is_deeply([$detector->find_in_log("[t.918273] [pid 918273] code 1918273 at 0.918273")], [], 'and nothing that only looks alike');
is_deeply([$detector->find_in_log("[t] child process 918273 is gone\n[t] [918273] LOG:  server process (PID 918273) too")], [],
    'not the number of a process');
is_deeply([$detector->find_in_log("[t] [pid 1] the process 1 took 918273")], ['918273'], 'but what else a line about one says');
is_deeply([$detector->find('"outcome":"102000" "outcome":"28505000"')], [], 'no outcome, whatever the codes were');
my $access = '127.0.0.1 [18/Sep/2026:11:12:13 +0000] "GET %s" 200 918273 918273 %s' . "\n";
is_deeply([$detector->find_in_access_log(sprintf $access, '/code', '-')], [], 'nor the bytes and microseconds of an answer');
is_deeply([$detector->find_in_access_log(sprintf $access, @$_)], ['918273'], "but $$_[0] $$_[1]")
    for ['/918273', '-'], ['/code?c=918273', '-'], ['/', '918273'];
unlink "$suite/secrets.planted";

my @places = $secrets->search(server(), "$suite/services.log");
is_deeply([@$_[2 .. $#$_]], [], "no password, code or token in $$_[0]") for @places;
is_deeply([CloudEP::Secrets::cores($suite)], [], 'nobody left a core file');
diag($secrets->count, " passwords and codes, and anything of a token's form, were looked for in ",
    join(', ', map { "$$_[0] ($$_[1] bytes)" } @places), "; a test's own servers are searched at its end");

finish();
