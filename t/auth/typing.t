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
    became(email => $typed, $email, sub { $session = ok_post($client, 'auth/login', { %tenant, email => $typed, password => $password }, "login as $_[0]") });
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
    became(email => $typed, "refused: $refused{$typed}", sub { is($answer->errors->[0]{reason}, $refused{$typed}, "$refused{$typed}: $_[0]") });
}

# ---- passwords
my $pass = "Z\xfcrich im \xc9t\xe9 1792";
my $decomposed = "Zu\N{U+308}rich im E\N{U+301}te\N{U+301} 1792";
my @passwords = ($pass, $decomposed, "Z\xfcrich\N{NO-BREAK SPACE}im \xc9t\xe9 1792", "Zu\N{U+308}rich im\N{IDEOGRAPHIC SPACE}\xc9t\xe9 1792");
my @others = ("z\xfcrich im \xc9t\xe9 1792", "Zurich im Ete 1792", "Z\xfcrich im \xc9t\xe9 １７９２", " $pass", "$pass\x07");
my $swiss = register_member(server => $server, tenant => $tenant, password => $decomposed);
for my $typed (@passwords) {
    became(password => $typed, 'the same password', sub { ok_post($client, 'auth/login', { %tenant, email => $swiss->{email}, password => $typed }, "login with $_[0]") });
}
for my $typed (@others) {
    became(password => $typed, 'another password', sub {
            outcome($client->post('/api/v1/auth/login', { %tenant, email => $swiss->{email}, password => $typed }), 401, 28501000, "login with $_[0]");
    });
}
is($server->value("SELECT form_of = right(phc, 16) FROM cloudep.credentials WHERE uid = :'uid'", uid => $swiss->{uid}), 't', 'the form is what was hashed');

# Every place that sets one takes the same.
my $own = { %$swiss, client => client(server => $server, token => $swiss->{access}) };
my %places = (
    register => sub { (register(client => $client, tenant => $tenant, password => $_[0]))[0] },
    change => sub { $own->{client}->post('/api/v1/members/me/password', { current_password => $pass, new_password => $_[0], keep_this_session => JSON::PP::true }) },
);
my %no_password = (
    "Correct horse\x07 battery" => ['password', 'must not have control characters or invisible ones'],
    "Correct\thorse battery" => ['password', 'must not have control characters or invisible ones'],
    "Correct\N{U+200B}horse battery" => ['password', 'must not have control characters or invisible ones'],
    "Correct \N{U+2764}\N{U+FE0F} horse battery" => ['password', 'must not have control characters or invisible ones'],
    "Correct \N{U+E000} horse battery" => ['password', 'must not have control characters or invisible ones'],
    "u\N{U+308}e\N{U+301}o\N{U+302}a\N{U+300}" => ['length', 'must have at least 8 characters'],
);
for my $typed (sort keys %no_password) {
    for my $place (sort keys %places) {
        became(password => $typed, "$place: refused, $no_password{$typed}[1]", sub {
                my $refused = outcome($places{$place}->($typed), 400, 10101000, "$place with $_[0]");
                is_deeply([@{ $refused->errors->[0] }{qw(rule reason)}], $no_password{$typed}, 'with rule and reason');
        });
    }
}
my $next = "Gen\xe8ve \xe0 l'aube 1815";
outcome($places{change}->($next), 200, 102000, 'a change to another, composed');
ok_post($client, 'auth/login', { %tenant, email => $swiss->{email}, password => "Gene\N{U+300}ve a\N{U+300} l'aube 1815" }, 'login with it, decomposed');

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
    became(phone => $typed, '+886912345678', sub { is($me->get($path)->data->{phone}, '+886912345678', "$_[0] is E.164") });
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
    became(phone => $typed, "refused: $numbers_refused{$typed}", sub { is($answer->errors->[0]{reason}, $numbers_refused{$typed}, "$_[0]: with the reason") });
}

# ---- language tags
my %tags = ('zh_TW' => 'zh-TW', ' zh-tw ' => 'zh-TW', 'EN_us' => 'en-US', 'zh_hant_TW' => 'zh-Hant-TW', "en\N{U+200b}" => 'en');
for my $typed (sort keys %tags) {
    became(language => $typed, $tags{$typed}, sub {
            outcome($me->patch('/api/v1/members/me', { language => $typed }), 200, 102000, "a language as $_[0]");
            is($me->get('/api/v1/members/me')->data->{language}, $tags{$typed}, 'is BCP 47');
    });
}
for my $typed ('chinese', 'zh TW', 'xx-YY-zz!') {
    became(language => $typed, 'refused', sub { outcome($me->patch('/api/v1/members/me', { language => $typed }), 400, 10101000, "no language: $_[0]") });
}

# ---- cloudepctl
for my $typed ("$name\@bücher.example.com", " \U$email ") {
    utf8::encode(my $bytes = $typed);
    is($ctl->json('member show', qw(member show --tenant), $tenant->{slug}, '--email', $bytes)->{member}{email}, $email,
        'cloudepctl knows ' . escaped($typed));
}
$ctl->fails(2, qr/--email must be an email address with ASCII characters before the @/, 'and says why an email is none',
    qw(member show --tenant), $tenant->{slug}, '--email', "\xc3\xa9\@example.com");

my $table = join "\n", map { sprintf '%-9s %-45s %s', @$_ } ['kind', 'typed', 'became'], @{ our $became };
$ENV{CLOUDEP_TABLE} ? diag("\n$table") : note($table);
finish();

# Does what shows it, and keeps a row of the table.
sub became {
    my ($kind, $typed, $became, $shows) = @_;
    my $shown = escaped($typed);
    $shows->($shown);
    push @{$main::became}, [$kind, length $shown > 45 ? substr($shown, 0, 42) . '...' : $shown, $became];
    return;
}

sub escaped { return $_[0] =~ s/([^ -~])/sprintf '<%04X>', ord $1/ger }
