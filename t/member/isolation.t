# A member of tenant A can read, confirm or guess nothing of tenant B, on any operation that takes an id; and the tries
# leave B's own ids as good as they were.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Totp;

my $server = own_server(values => { CloudEPCodeCooldown => 0 });
$server->{values}{CloudEPSMSTransport} = "\"spool:$server->{dir}/spool/sms\"";
$server->start;
my ($home, $away) = (tenant(server => $server), tenant(server => $server));
my $intruder = totp_enroll(register_member(tenant => $home), $server);
my $victim = totp_enroll(register_member(tenant => $away), $server);
my $auth = '/api/v1/auth';
my $me = '/api/v1/members/me';

# ---- challenges: what B has open, and what A tries with it as its own

my ($registered, $applicant) = register(client => client(server => $server), tenant => $away);
my $registration = $registered->data->{challenge_id};
my $registration_code = $server->mail_code($applicant->{email});
my $forgotten = $victim->{client}->post("$auth/password/forgot", { tenant_slug => $away->{slug}, email => $victim->{email} });
my $reset = $forgotten->data->{challenge_id};
my $reset_code = $server->mail_code($victim->{email}, 3);
my $second = login($victim)->data->{mfa_challenge_id};
my $target = fresh_email();
my $verification = $victim->{client}->post("$me/verifications/email/start", { target => $target })->data->{challenge_id};
my $verification_code = $server->mail_code($target);

# Each id at every operation that takes one, with the code that is right where it belongs, from A's side.
my %tries = (
    "$auth/register/confirm" => sub { { tenant_slug => $home->{slug}, challenge_id => $_[0], code => $_[1] } },
    "$auth/register/resend" => sub { { tenant_slug => $home->{slug}, challenge_id => $_[0] } },
    "$auth/password/reset" => sub {
        { tenant_slug => $home->{slug}, challenge_id => $_[0], code => $_[1], new_password => fresh_password() }
    },
    "$auth/login/mfa" => sub { { tenant_slug => $home->{slug}, challenge_id => $_[0], code => $_[1] } },
    "$me/verifications/email/confirm" => sub { { challenge_id => $_[0], code => $_[1] } },
    "$me/verifications/phone/confirm" => sub { { challenge_id => $_[0], code => $_[1] } },
);
my %ids = (
    registration => [$registration, $registration_code], reset => [$reset, $reset_code],
    'second factor' => [$second, totp_code($victim->{totp}, 1)], verification => [$verification, $verification_code],
);
for my $kind (sort keys %ids) {
    for my $path (sort keys %tries) {
        my $scope = $path =~ /members/ ? 29 : 28;
        for my $try (1 .. 6) {    # more often than a challenge has guesses
            my $answer = $intruder->{client}->post($path, $tries{$path}->(@{ $ids{$kind} }));
            next if $answer->status == 403 && $answer->code == $scope * 1_000_000 + 505_000 && $try < 6;
            outcome($answer, 403, $scope * 1_000_000 + 505_000, "B's $kind challenge at $path");
            last;
        }
    }
}

# ---- names: B's people asked for in A

my $anybody = client(server => $server);
outcome($anybody->post("$auth/login", { tenant_slug => $home->{slug}, map { $_ => $victim->{$_} } qw(email password) }),
    401, 28501000, "B's member cannot log in to A");
outcome($anybody->post("$auth/password/forgot", { tenant_slug => $home->{slug}, email => $victim->{email} }),
    404, 29301000, "and is nobody there");
outcome($anybody->post("$auth/register/resume", { tenant_slug => $home->{slug}, email => $applicant->{email} }),
    404, 29301000, "as are B's applicants");
my ($again) = register(client => $anybody, tenant => $home, email => $victim->{email});
outcome($again, 200, 102000, "an email taken in B is free in A");
outcome($anybody->post("$auth/register", { tenant_slug => $home->{slug}, invite_code => $away->{invite}, email => fresh_email(),
            password => fresh_password(), accept_terms_version => '1' }), 404, 28301000, "B's invite opens nothing in A");

# ---- tokens, codes: A's own session with what is B's

is($intruder->{client}->get($me)->data->{uid}, $intruder->{uid}, 'a token shows its own member');
outcome($intruder->{client}->get($me, 'X-Tenant-ID' => 'x', 'X-UID' => $victim->{uid}), 200, 102000, 'whatever else is said');
outcome($intruder->{client}->post("$me/totp/verify", { code => totp_code($victim->{totp}, 1) }), 403, 29505000,
    "B's authenticator is none of A's");
outcome($intruder->{client}->post("$me/totp/verify", { code => $victim->{backup}[0] }), 403, 29505000, 'nor are its backup codes');

# ---- and B notices nothing

totp_rewind($server, $victim);
my %mine = (
    "$auth/register/confirm" => { tenant_slug => $away->{slug}, challenge_id => $registration, code => $registration_code },
    "$auth/login/mfa" => { tenant_slug => $away->{slug}, challenge_id => $second, code => totp_code($victim->{totp}) },
    "$me/verifications/email/confirm" => { challenge_id => $verification, code => $verification_code },
);
outcome($victim->{client}->post($_, $mine{$_}), 200, 102000, "B's own challenge is still good at $_") for sort keys %mine;
is($victim->{client}->get("$me/totp")->data->{backup_codes_remaining}, 10, 'and no backup code is gone');
outcome($anybody->post("$auth/password/reset", { tenant_slug => $away->{slug}, challenge_id => $reset, code => $reset_code,
            new_password => fresh_password() }), 200, 102000, "nor is B's reset");

finish();
