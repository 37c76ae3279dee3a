# cloudepctl member totp-reset and password-reset: what an operator does for a member who has lost the way in; and member
# add, which gives the first one.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use CloudEP::Totp;
use Digest::SHA qw(sha256_base64);

my $pg = own_postgres();    # only this server's workers take what is asked for here
my $server = own_server(pg => $pg, values => { CloudEPAccountURL => 'https://id.example/account/' })->start;
my $ctl = CloudEP::Ctl->new(database => $pg->dsn('cloudep_owner'));
my $tenant = tenant(server => $server);
my ($ann, $bob) = map { register_member(tenant => $tenant, display_name => $_) } qw(Ann Bob);
my @ann = ('--tenant', $tenant->{slug}, '--email', $ann->{email});
my @bob = ('--tenant', $tenant->{slug}, '--uid', $bob->{uid});
my $event = sub { $pg->value("SELECT count(*) FROM cloudep.events WHERE name = :'name' AND uid = :'uid' AND method = 'cloudepctl'", name => $_[0], uid => $_[1]{uid}) };

# ---- totp-reset

$ctl->fails(1, qr/the member is active and has no TOTP/, 'there is nothing to reset', qw(member totp-reset), @ann);
is($event->('operator.member.totp-reset', $ann), 0, 'and no event of it');
totp_enroll($_, $server) for $ann, $bob;
$ann->{client}->post('/api/v1/members/me/totp/verify', { code => totp_code($ann->{totp}) });
$pg->psql("INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, failures, blocked_until) SELECT tenant_id, 'factor', uid::text, '', 20, now() + interval '1 hour'"
        . " FROM cloudep.members WHERE uid = :'uid'", uid => $ann->{uid});
ok(login($ann)->data->{mfa_required}, 'Ann is asked for a code that she has lost');
my $done = $ctl->json('member totp-reset', qw(member totp-reset), @ann)->{member};
is_deeply([@{$done}{qw(email uid status done sessions)}], [$ann->{email}, $ann->{uid}, 'active', JSON::PP::true, 1], 'says what it did');
ok(login($ann)->data->{access_token}, 'her password is enough now');
ok(login($bob)->data->{mfa_required}, "Bob's is not");
is($pg->value("SELECT count(*) FROM cloudep.backup_codes WHERE uid = :'uid'", uid => $ann->{uid}), 0, 'her backup codes are gone');
is($pg->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND mfa_at IS NOT NULL", uid => $ann->{uid}), 0, 'no session counts as proved by it');
is($pg->value("SELECT count(*) FROM cloudep.budgets WHERE kind = 'factor' AND subject = :'uid'", uid => $ann->{uid}), 0, 'her wrong codes are forgotten');
is($event->('operator.member.totp-reset', $ann), 1, 'it is among the events');
my ($notice) = grep { $_->{headers}{subject} =~ /was reset/ } $server->mails($ann->{email}, 3);
like($notice->{text}, qr/^Hello Ann,.*the people who run Tenant \Q$tenant->{slug}\E/s, 'she is told, by name');
$ctl->fails(1, qr/has no TOTP/, 'once', qw(member totp-reset), @ann);
outcome($ann->{client}->post('/api/v1/members/me/totp/enroll-start'), 200, 102000, 'she enrols again');
like($ctl->done('for people', qw(member totp-reset), @bob), qr/^TOTP of \Q$bob->{email}\E is off;.* 1 session goes on$/, 'in words');
$ctl->fails(6, qr/has no member/, 'nobody', qw(member totp-reset --tenant), $tenant->{slug}, qw(--email nobody@example.com));
$ctl->fails(2, qr/by --uid or by --email/, 'a member without a name', qw(member totp-reset --tenant), $tenant->{slug});

# ---- password-reset

$ctl->done('member password-reset', qw(member password-reset), @ann);
my ($mail) = grep { $_->{text} =~ /#reset=/ } $server->mails($ann->{email}, 4);
my ($token) = $mail->{text} =~ m{^\s+https://id\.example/account/#reset=([A-Za-z0-9_-]{64})$}m;
ok($token, 'a running server mails a link');
secret($token);
my $row = $pg->psql("SELECT digest, kind, used_at IS NULL, extract(epoch FROM expires_at - created_at)::integer FROM cloudep.links"
        . " WHERE uid = :'uid' AND kind = 'reset'", uid => $ann->{uid});
is_deeply($row, [[sha256_base64($token) =~ tr{+/}{-_}r, 'reset', 't', 3600]], 'good for an hour, kept as the digest of its token');
is($pg->value("SELECT params IS NULL FROM cloudep.outbox WHERE uid = :'uid' AND template = 'password_reset_link'", uid => $ann->{uid}), 't',
    'the request never had it');
ok(login($ann)->data->{access_token}, 'until it is used the password stays');
is($event->('operator.member.password-reset', $ann), 1, 'it is among the events');
my $by_link = '/api/v1/auth/password/reset-by-link';
my $someone = client(server => $server);
my $new = fresh_password();
outcome($someone->post($by_link, { token => $token }), 400, 10104000, 'a link without a password');
outcome($someone->post($by_link, { token => $token, new_password => 'short' }), 400, 10101000, 'with one that is too short');
outcome($someone->post($by_link, { token => $token =~ s/.\z/length $& && $& eq 'A' ? 'B' : 'A'/er, new_password => $new }), 404, 29301000, 'another token');
my @answers = $someone->parallel((['POST', $by_link, { token => $token, new_password => $new }]) x 8);
is(scalar(grep { $_->status == 200 } @answers), 1, 'eight times at once: one sets the password');
outcome($someone->post($by_link, { token => $token, new_password => fresh_password() }), 404, 29301000, 'and then no more');
outcome($ann->{client}->get('/api/v1/members/me'), 401, 29501000, 'the sessions have ended');
outcome(login($ann), 401, 28501000, 'the password before is none');
ok(login({ %$ann, password => $new })->data->{access_token}, 'the new one logs in');
$ann->{password} = $new;
$pg->psql("UPDATE cloudep.members SET origin = 'google', has_password = false WHERE uid = :'uid'", uid => $bob->{uid});
$ctl->fails(1, qr/the member is active and has no password here/, 'whose password is elsewhere', qw(member password-reset), @bob);
$pg->psql("UPDATE cloudep.members SET password_due = true WHERE uid = :'uid'", uid => $bob->{uid});
$ctl->done('unless an undo took one away', qw(member password-reset), @bob);
ok($server->mails($bob->{email}, 4), 'he gets a link');
$ctl->done('suspended', qw(member suspend), @ann);
$ctl->fails(1, qr/the member is suspended and has no password/, 'a suspended member', qw(member password-reset), @ann);

$ctl->done('for another server', qw(member password-reset --outbox shop.example), @bob);
is($pg->value("SELECT outbox FROM cloudep.outbox WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1", uid => $bob->{uid}), 'shop.example', 'the row names it');
$ctl->fails(2, qr/--outbox must be/, 'an outbox that can be none', qw(member password-reset --outbox), "a\nb", @bob);

# ---- add

my @new = ('--tenant', $tenant->{slug}, '--email', 'New.Member@Example.com', '--name', "Dora \x{e2}\x{80}\x{99}", qw(--language zh_tw));
my $added = $ctl->json('member add', qw(member add), @new)->{member};
my $uid = $added->{uid};
is_deeply([@{$added}{qw(email display_name language status origin provider password password_due ways_in invite terms_version)}],
    ['new.member@example.com', "Dora \x{2019}", 'zh-TW', 'active', 'platform_native', 'local', JSON::PP::false, JSON::PP::true, 1, undef, undef], 'with what was given');
ok($added->{changed} && $added->{activated_at}, 'is a change');
is($event->('operator.member.add', $added), 1, 'and among the events');
my ($invitation) = $server->mails($added->{email});
like($invitation->{text}, qr/^Dora \x{2019}.*new\.member\@example\.com/s, 'a running server mails in the language of the member, by name');
my ($first) = $invitation->{text} =~ m{^\s+https://id\.example/account/#first_password=([A-Za-z0-9_-]{64})$}m;
ok($first, 'a link');
secret($first);
is($pg->value("SELECT extract(epoch FROM expires_at - created_at)::integer FROM cloudep.links WHERE uid = :'uid' AND kind = 'first_password'", uid => $uid), 7 * 86400,
    'that is good for seven days');
is($pg->value("SELECT extract(epoch FROM expires_at - created_at)::integer FROM cloudep.outbox WHERE uid = :'uid' AND template = 'member_invitation'", uid => $uid), 7 * 86400,
    'and is tried for as long');
my %dora = (email => $added->{email}, slug => $tenant->{slug}, client => client(server => $server), uid => $uid);
outcome(login({ %dora, password => 'correct horse 9' }), 401, 28501000, 'without a password nobody logs in');
$dora{password} = fresh_password();
outcome($someone->post($by_link, { token => $first, new_password => $dora{password} }), 200, 102000, 'the link sets one');
ok(login(\%dora)->data->{access_token}, 'which logs in');
outcome($someone->post($by_link, { token => $first, new_password => fresh_password() }), 404, 29301000, 'once');
$ctl->fails(5, qr/member new\.member\@example\.com exists already/, 'the same address again', qw(member add), @new);
my $kept = $ctl->json('--if-absent', qw(member add --if-absent --tenant), $tenant->{slug}, qw(--email new.member@example.com --name Other))->{member};
is_deeply([@{$kept}{qw(uid changed display_name password)}], [$uid, JSON::PP::false, "Dora \x{2019}", JSON::PP::true], 'changes nothing of one who is there');
is($ctl->done('--if-absent for people', qw(member add --if-absent), @new), "member new.member\@example.com unchanged\n", 'and says so');
is($pg->value("SELECT count(*) FROM cloudep.outbox WHERE uid = :'uid' AND template = 'member_invitation'", uid => $uid), 1, 'and mails nothing');
is($event->('operator.member.add', $added), 1, 'and is no event');
my $other = tenant(server => $server);
like($ctl->done('in another tenant', qw(member add --tenant), $other->{slug}, qw(--email new.member@example.com --outbox shop.example)),
    qr/^member new\.member\@example\.com added; a running server mails a link/, 'the address is free');
is_deeply($pg->psql("SELECT outbox, target, language FROM cloudep.outbox WHERE tenant_id = (SELECT id FROM cloudep.tenants WHERE slug = :'slug')", slug => $other->{slug}),
    [['shop.example', 'new.member@example.com', undef]], 'and another server mails it');

# Who has missed the link: a forgotten password is as good.
$pg->psql("UPDATE cloudep.links SET expires_at = now()");
my $late = $ctl->json('another one', qw(member add --tenant), $tenant->{slug}, qw(--email late@example.com))->{member};
my $challenge = $someone->post('/api/v1/auth/password/forgot', { tenant_slug => $tenant->{slug}, email => 'late@example.com' })->data->{challenge_id};
outcome($someone->post('/api/v1/auth/password/reset', { tenant_slug => $tenant->{slug}, challenge_id => $challenge,
            code => secret($server->mail_code('late@example.com', 2)), new_password => fresh_password() }), 200, 102000, 'a forgotten password sets the first one');
$ctl->done('and the operator may ask for a link again', qw(member password-reset --tenant), $tenant->{slug}, '--uid', $late->{uid});

# A registration that nobody has confirmed holds no address; one that is being confirmed does.
my ($pending, $began, $beside) = map { fresh_email() } 1 .. 3;
register(client => $someone, tenant => $tenant, email => $_) for $pending, $began, $beside;
$pg->psql("UPDATE cloudep.members SET confirming_until = now() + interval '1 hour' WHERE email = :'email'", email => $began);
my $stranger = $pg->value("SELECT uid FROM cloudep.members WHERE email = :'email'", email => $pending);
register(client => $someone, tenant => $other, email => $pending);
isnt($ctl->json('over a registration', qw(member add --tenant), $tenant->{slug}, '--email', $pending)->{member}{uid}, $stranger, 'is another member');
ok(wait_until(60, sub { !$pg->value("SELECT count(*) FROM cloudep.members WHERE uid = :'uid' AND status <> 'deleting'", uid => $stranger) }), 'the registration is over');
is($pg->value("SELECT count(*) FROM cloudep.members WHERE status = 'pending' AND (email = :'beside' OR email = :'pending')", beside => $beside, pending => $pending), 2,
    'another address, and another tenant, keep theirs');
$ctl->fails(5, qr/exists already/, 'one that is being confirmed', qw(member add --tenant), $tenant->{slug}, '--email', $began);

$ctl->done('an organization', qw(tenant set --organization 42 --slug), $other->{slug});
is($ctl->json('of a tenant with an organization', qw(member add --tenant), $other->{slug}, qw(--email z@example.com))->{member}{provider}, 'zitadel', 'is at ZITADEL');
$ctl->fails(6, qr/no tenant no-such/, 'an unknown tenant', qw(member add --tenant no-such --email a@example.com));
$ctl->fails(2, qr/--email /, "the address $_", qw(member add --tenant), $tenant->{slug}, '--email', $_) for 'nobody', '', 'a@b@c';
$ctl->fails(2, qr/--name must be printable text of 1 to 100 characters/, 'a name that is no name', qw(member add --email a@example.com --tenant), $tenant->{slug}, '--name', $_)
    for '', "a\nb", 'x' x 101;
$ctl->fails(2, qr/--language must be/, 'a language that is none', qw(member add --email a@example.com --language klingon- --tenant), $tenant->{slug});
$ctl->fails(2, qr/--outbox must be/, 'an outbox that is none', qw(member add --email a@example.com --outbox), "a\nb", '--tenant', $tenant->{slug});

# Without pages there is nothing that a link could lead to, which the row says.
my $elsewhere = own_postgres();
my $plain = own_server(pg => $elsewhere)->start;
my $cem = register_member(tenant => tenant(server => $plain));
CloudEP::Ctl->new(database => $elsewhere->dsn('cloudep_owner'))->done('a request', qw(member password-reset --tenant), $cem->{slug}, '--uid', $cem->{uid});
ok(wait_until(30, sub { ($elsewhere->value("SELECT last_error FROM cloudep.outbox WHERE template = 'password_reset_link'") // '') =~ /CloudEPAccountURL is not set/ }),
    'is given up without CloudEPAccountURL');

finish();
