# What people type and paste: emails, codes, phone numbers and language tags are understood alike by every operation and by
# cloudepctl. t/unit has every character; here each kind goes the whole way.
use strict;
use warnings;
use utf8;
use CloudEP::Ctl;
use CloudEP::Process qw(slurp wait_until);
use CloudEP::Test;
use CloudEP::Totp;

# Text messages in a folder of its own, see t/member/verification.t.
my $server = own_server(pg => own_postgres());
$server->{values}{CloudEPSMSTransport} = "\"spool:$server->{dir}/spool/sms\"";
$server->start;
my $ctl = CloudEP::Ctl->new(database => $server->pg->dsn('cloudep_owner'));
my $tenant = tenant(server => $server);
my $client = client(server => $server);
my %tenant = (tenant_slug => $tenant->{slug});

sub ok_post {
    my ($who, $path, $body, $name) = @_;
    return outcome($who->post("/api/v1/$path", $body), 200, 102000, $name)->data;
}
sub fullwidth { return $_[0] =~ tr/0-9@.a-z/０-９＠．ａ-ｚ/r }

# ---- an email is one person, however it is typed
my $name = 'kira' . int rand 1e9;
my $email = "$name\@xn--bcher-kva.example.com";
my $password = fresh_password();
my $sent = { email => "\N{U+a0}\u$name\@B\xfccher.Example.com \r\n", password => $password, language => ' zh_TW' };
my ($answer) = register(client => $client, tenant => $tenant, %$sent);
my $challenge = outcome($answer, 200, 102000, 'register with a domain of its own script and spaces around')->data->{challenge_id};
is($server->value("SELECT email FROM cloudep.members WHERE email LIKE :'like'", like => "$name%"), $email, 'is stored in its form');
my ($mail) = $server->mails($email);
is($mail->{headers}{'content-language'}, 'zh-TW', 'the mail comes to that address, in the language meant');
my $code = secret(CloudEP::Mail::code($mail));

# ---- codes
ok_post($client, 'auth/register/confirm', { %tenant, challenge_id => $challenge, code => "\N{U+200b}" . fullwidth(substr $code, 0, 3)
            . "\N{EN DASH}" . substr($code, 3) . "\N{IDEOGRAPHIC SPACE}" }, 'confirm by a code in full-width digits, with a dash');

my @spellings = ($email, " $email", "$email\t", uc $email, "$name\@bücher.example.com", "$name\@BÜCHER.example.com",
    "$name\@bu\N{U+308}cher.example.com", "$name\@bücher。example。com", fullwidth("$name\@") . 'bücher.example.com');
my $session;
for my $typed (@spellings) {
    $session = ok_post($client, 'auth/login', { %tenant, email => $typed, password => $password }, 'login as ' . escaped($typed));
}
my $me = client(server => $server, token => $session->{access_token});
is($me->get('/api/v1/members/me')->data->{language}, 'zh-TW', 'zh_TW is zh-TW');
($answer) = register(client => $client, tenant => $tenant, email => "$name\@bücher.example.com");
outcome($answer, 409, 28303000, 'nobody else registers it in another spelling');

ok_post($client, 'auth/password/forgot', { %tenant, email => "$name\@bücher.example.com" }, 'a forgotten password');
outcome($client->post('/api/v1/auth/password/forgot', { %tenant, email => " $name\@BÜCHER.example.com" }), 429, 29604000,
    'a code was just sent to that address, whatever the spelling');

# ---- refused, and told why
my %refused = (
    "é\@example.com" => 'must be an email address with ASCII characters before the @',
    "a\@-b\xfccher.example" => 'must be an email address with a valid domain after the @',
    ('l' x 65) . '@example.com' => 'must be an email address with at most 64 characters before the @',
    'a@' . ('ü' x 30 . '.') x 8 . 'example.com' => 'must be an email address of at most 254 characters',
    "a\@example.com\r\nBcc: b\@example.com" => 'must be an email address',
);
for my $typed (sort keys %refused) {
    $answer = outcome($client->post('/api/v1/auth/login', { %tenant, email => $typed, password => $password }), 400, 10101000, 'no email');
    is($answer->errors->[0]{reason}, $refused{$typed}, "$refused{$typed}: " . escaped(substr $typed, 0, 20));
}

# ---- TOTP and backup codes
my $member = totp_enroll({ client => client(server => $server, token =>
                ok_post($client, 'auth/login', { %tenant, email => $email, password => $password }, 'login')->{access_token}),
        uid => $session->{uid} }, $server);
for my $typed (sub { my $now = totp_code($member->{totp}); substr($now, 0, 3) . "\N{NO-BREAK SPACE}" . substr $now, 3 },
    sub { join "\N{NON-BREAKING HYPHEN}", $member->{backup}[0] =~ /..../g }) {
    my $started = ok_post($client, 'auth/login', { %tenant, email => $email, password => $password }, 'login, first factor');
    ok_post($client, 'auth/login/mfa', { %tenant, challenge_id => $started->{mfa_challenge_id}, code => $typed->() },
        'second factor, with something between the digits');
}

# ---- phone numbers
my @numbers = ('+886 912-345-678', '00886 (0)912 345 678', "＋８８６ ９１２ ３４５ ６７８", "\N{U+202a}+886\N{U+a0}912.345.678\N{U+202c}", '(+886) 912/345/678');
for my $typed (@numbers) {
    my $path = '/api/v1/members/me';
    outcome($me->patch($path, { phone => undef }), 200, 102000, 'no phone');
    outcome($me->patch($path, { phone => $typed }), 200, 102000, 'a phone as ' . escaped($typed));
    is($me->get($path)->data->{phone}, '+886912345678', 'is E.164');
}
my $verification = ok_post($me, 'members/me/verifications/phone/start', { target => '+886 (0)912 345 678' }, 'verify a phone');
my $text;
wait_until(20, sub { ($text) = map { JSON::PP::decode_json(slurp($_)) } glob "$server->{dir}/spool/sms/*.json" }) or die "no SMS\n";
is($text->{to}, '+886912345678', 'the text goes to the number meant');
ok_post($me, 'members/me/verifications/phone/confirm', { challenge_id => $verification->{challenge_id},
        code => join ' ', split //, secret(CloudEP::Mail::code($text)) }, 'confirm it');

my %numbers_refused = (
    '+8860912345678' => 'must not have the 0 after the country code that is dialled at home only',
    '0912345678' => 'must begin with + and the country code, such as +886912345678',
    '+979 1 2345 6789' => 'must not be a premium rate number',
    '+1 900 555 1234' => 'must not be a premium rate number',
    '+808 1234 5678' => 'must not be a shared cost number',
    '+870 773 111 632' => 'must not be a satellite telephone',
    '+8821612345678' => 'must not be a number of an international network',
    '+44 70 1234 5678' => 'must not be a number that is forwarded to others',
    '+1 800 555 1234' => 'must not be a toll-free number',
);
for my $typed (sort keys %numbers_refused) {
    $answer = outcome($me->post('/api/v1/members/me/verifications/phone/start', { target => $typed }), 400, 10101000, "no text to $typed");
    is($answer->errors->[0]{reason}, $numbers_refused{$typed}, 'with the reason');
}

# ---- cloudepctl
for my $typed ("$name\@bücher.example.com", " \U$email ") {
    utf8::encode(my $bytes = $typed);
    is($ctl->json('member show', qw(member show --tenant), $tenant->{slug}, '--email', $bytes)->{member}{email}, $email,
        'cloudepctl knows ' . escaped($typed));
}
$ctl->fails(2, qr/--email must be an email address with ASCII characters before the @/, 'and says why an email is none',
    qw(member show --tenant), $tenant->{slug}, '--email', "\xc3\xa9\@example.com");

finish();

sub escaped { return $_[0] =~ s/([^ -~])/sprintf '<%04X>', ord $1/ger }
