# The styles "account" and "session" under load and in outages: of many requests at once with one token or code, one counts; with
# the database or memcached away, or too much to do, an answer has the form of its style.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use CloudEP::Totp;
use MIME::Base64 qw(decode_base64url);

my $MANY = 64;
my ($pg, $memcached) = (own_postgres(), own_memcached());
my %unlimited = map { $_ => 0 } qw(CloudEPCodesPerTarget CloudEPCodesPerAddress CloudEPCodesPerTenant CloudEPCodeCooldown CloudEPAddressAttempts);
my %values = (%unlimited, CloudEPKnownGuesses => 1_000_000, CloudEPUnknownGuesses => 1_000_000, CloudEPCodeAttempts => 20,
    CloudEPAccountURL => 'https://id.example/account/');

# A server of both styles for the tenant "styles".
sub styled {
    my (%more) = @_;
    my @mounts = map { ("<Location /api/$$_[0]>", "CloudEPServe $$_[1]", 'CloudEPTenant styles', '</Location>') } ['auth', 'account'], ['session', 'session'];
    return own_server(pg => $pg, memcached => $memcached, values => { %values, %more }, with => \@mounts);
}
my $server = styled()->start;
$server->ctl(qw(tenant add --name Styles --totp-login on --slug styles));
$server->ctl(qw(invite add --code OPEN --uses 1000 --tenant styles));
my $tenant = { slug => 'styles', invite => 'OPEN', server => $server };
my $client = client(server => $server);
my ($AUTH, $SESSION) = qw(/api/auth /api/session);

sub tally { my %count; $count{ join ' ', $_->status, ($_->json // {})->{reason} // ($_->json // {})->{code} // '' }++ for @_; return \%count }
sub jti { return JSON::PP->new->utf8->decode(decode_base64url((split /\./, $_[0])[1]))->{jti} }

# The same request so many times at once: one is answered with that status, all others with that reason or that there was too
# much to do; and each in the form of its style. Returns the answers.
sub one_of_many {
    my ($name, $check, $status, $others, @request) = @_;
    my @answers = $client->parallel((\@request) x $MANY);
    my $count = tally(@answers);
    is(scalar(grep { $_->status == $status } @answers), 1, "$name: of $MANY at once one succeeds") or diag(explain $count);
    is_deeply([grep { !/^(?:$status |$others|503 overloaded)/ } sort keys %$count], [], 'and the others are told why not') or diag(explain $count);
    is_deeply([map { $check->($_) } @answers], [], 'in the form of the style');
    return @answers;
}
sub account { my ($name, $others, $path, $body, %with) = @_; return one_of_many($name, \&account_faults, 200, $others, POST => "$AUTH/$path", $body, %with) }
sub session { my ($name, $others, $browser, $path, $body) = @_; return one_of_many($name, \&session_faults, 204, $others, POST => "$SESSION/$path", $body, $browser->headers('POST')) }
sub bearer { return (Authorization => "Bearer $_[0]") }
sub browser { my $browser = CloudEP::Browser->new(client => $client); $browser->get("$SESSION/"); return $browser }
sub mailed { my ($email, $pattern) = @_; my @found; wait_until(60, sub { @found = map { $_->{text} =~ $pattern ? $1 : () } $server->mails_now($email) }) or die "no mail to $email"; return secret($found[-1]) }

# ---- account

my %form = (email => fresh_email(), password => fresh_password(), inviteCode => 'OPEN', acceptTermsVersion => '1');
my $challenge = told($client->post("$AUTH/register", \%form), 200, undef, 'a registration')->json->{data}{challengeId};
my $code = secret($server->mail_code($form{email}));
my ($entered) = grep { $_->status == 200 } account('verify-email', '4\d\d (?:challenge_gone|challenge_locked|registration_\w+)', 'verify-email', { challengeId => $challenge, code => $code });
my %token = %{ $entered->json->{data} };
my $uid = $server->value("SELECT uid FROM cloudep.members WHERE email = :'email'", email => $form{email});
is($server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid'", uid => $uid), 1, 'which opens one session');

my @refreshed = grep { $_->status == 200 } $client->parallel((['POST', "$AUTH/refresh", { refreshToken => $token{refreshToken} }]) x $MANY);
my %successors = map { jti($_->json->{data}{refreshToken}) => 1 } @refreshed;
is(join(' ', scalar @refreshed, scalar keys %successors), "$MANY 1", "refresh: $MANY at once have the same successor");

my $setup = told($client->post("$AUTH/totp/setup", undef, bearer($token{token})), 200, undef, 'an enrolment')->json->{data};
my $secret = totp_secret($setup->{otpauthUrl});
account('totp/verify', '4\d\d (?:totp_enrolled|enrolment_unknown|totp_wrong)', 'totp/verify', { totpCode => totp_code($secret) }, bearer($token{token}));
totp_rewind($server, { uid => $uid });
my %login = (email => $form{email}, password => $form{password});
account('login with one TOTP code', '401 totp_wrong', login => { %login, totpCode => totp_code($secret) });
account('login with one backup code', '401 backup_code_wrong', login => { %login, totpCode => $setup->{backupCodes}[0] });

told($client->post("$AUTH/forgot-password", { email => $form{email} }), 200, undef, 'a forgotten password');
$login{password} = fresh_password();
account('reset-password with one link', '400 link_gone', 'reset-password', { token => mailed($form{email}, qr/#reset=([\w-]+)/), newPassword => $login{password} });
is($server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NULL", uid => $uid), 0, 'and no session is left');

# ---- session

my $browser = browser();
replied($browser->post("$SESSION/login", \%login), 400, 'mfa_required', 'a login');
totp_rewind($server, { uid => $uid });
my @in = session('login/totp with one pending login', '400 (?:challenge_gone|totp_wrong)', $browser, 'login/totp', { code => totp_code($secret) });
$browser->keep($_) for grep { $_->status == 204 } @in;
replied($browser->get("$SESSION/verify"), 204, undef, 'whose session lives');
my $renewal = $browser->get("$SESSION/refresh_code")->json->{code};
@in = session('refresh_token with one code', '4\d\d (?:challenge_gone|token_invalid)', $browser, 'refresh_token', { code => $renewal });
$browser->keep($_) for grep { $_->status == 204 } @in;
replied($browser->get("$SESSION/verify"), 204, undef, 'whose session goes on');
totp_rewind($server, { uid => $uid });
session('the authenticator alone with one code', '400 totp_wrong', browser(), 'login/totp', { email => $form{email}, code => totp_code($secret) });
my $forgetful = browser();
replied($forgetful->get("$SESSION/forget_code?email=$form{email}"), 204, undef, 'a forgotten password');
$login{password} = fresh_password();
session('forget_reset with one code', '400 (?:challenge_gone|challenge_locked)', $forgetful, 'forget_reset',
    { email => $form{email}, code => mailed($form{email}, qr/set a new password at .*:\s+(\d{6})\s/), password => $login{password} });
replied($browser->get("$SESSION/verify"), 401, undef, 'which ends the sessions');

# ---- outages

my $plain = register_member(tenant => $tenant);
my %plain = (email => $plain->{email}, password => $plain->{password});
my $page = browser();
$page->post("$SESSION/login", \%plain);
my %them = bearer($plain->{access});

# What is asked, and whether it uses memcached.
my @asked = (
    ['account/me', \&account_faults, 0, sub { $client->get("$AUTH/me", %them) }],
    ['account/login', \&account_faults, 0, sub { $client->post("$AUTH/login", \%plain) }],
    ['account/forgot-password', \&account_faults, 0, sub { $client->post("$AUTH/forgot-password", { email => $plain{email} }) }],
    ['account/register', \&account_faults, 1, sub { $client->post("$AUTH/register", { %form, email => fresh_email() }) }],
    ['session/verify', \&session_faults, 0, sub { $page->get("$SESSION/verify") }],
    ['session/user', \&session_faults, 0, sub { $page->get("$SESSION/user") }],
    ['session/login', \&session_faults, 0, sub { browser()->post("$SESSION/login", \%plain) }],
    ['session/forget_code', \&session_faults, 1, sub { browser()->get("$SESSION/forget_code?email=$plain{email}") }],
    ['session/refresh_code', \&session_faults, 1, sub { $page->get("$SESSION/refresh_code") }],
);

sub away {
    my ($what, $answer, $check, $name) = @_;
    is(join('; ', $answer->status, $check->($answer)), 500, "$name without $what is 500 in the form of its style") or diag($answer->raw);
    unlike($answer->raw, qr/SQL|postgres|memcached|statement|127\.0\.0\.1:/i, 'and tells nothing of it');
}
$pg->stop;
away('PostgreSQL', $_->[3]->(), @{$_}[1, 0]) for @asked;
$pg->start;
$memcached->stop;
for my $asked (@asked) {
    my ($name, $check, $uses, $ask) = @$asked;
    my $answer = $ask->();
    $uses ? away('memcached', $answer, $check, $name) : is(join('; ', int $answer->status / 100, $check->($answer)), 2, "$name does without memcached") || diag($answer->raw);
}
$memcached->start;
ok(wait_until(20, sub { !grep { $_->[3]->()->status >= 300 } @asked }), 'with both back everything works');
$server->stop;

# ---- too much to do

my $busy = styled(CloudEPPasswordWorkers => 1, CloudEPPasswordQueue => 1)->start;
$client = client(server => $busy);
my $guest = browser();
for my $login (['account', \&account_faults, POST => "$AUTH/login", \%plain], ['session', \&session_faults, POST => "$SESSION/login", \%plain, $guest->headers('POST')]) {
    my ($name, $check, @request) = @$login;
    my @refused = grep { $_->status == 503 } $client->parallel((\@request) x $MANY);
    ok(scalar @refused, "$name: who comes when there is too much to do is refused");
    is_deeply([grep { $_ } map { ($check->($_), ($_->header('Retry-After') // '') =~ /^[1-9]\d*$/ ? () : 'no Retry-After', $_->json->{reason} eq 'overloaded' ? () : $_->body) } @refused], [],
        'in the form of the style, and told when to come again');
}

expect_log(qr/statement \w+: |CE\d+: .* failed \((?:database|memcached|impossible data)\)|AH006\d\d: |CE124[0-4]: |memcached|connect|CE\d+: /);
finish();
