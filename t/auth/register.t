# POST /register: every outcome, and what an invite and an email are worth afterwards.
use strict;
use warnings;
use utf8;
use CloudEP::Test;

my $tenant = tenant(uses => 20);
my $slug = $tenant->{slug};

sub uses { server()->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $_[0]) }
sub invite {
    my ($code, @options) = @_;
    server()->ctl(qw(invite add --tenant), $slug, '--code', $code, @options);
    return $code;
}

# ---- success
my ($answer, $sent) = register(tenant => $tenant, display_name => '王小明', language => 'zh-tw', marketing_opt_in => JSON::PP::true());
outcome($answer, 200, 102000, 'a registration');
like($answer->data->{challenge_id}, qr/^[\w-]{22}$/, 'challenge_id has 128 bits');
like($answer->data->{uid}, qr/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'uid is a UUID');
is($answer->data->{expires_in}, 600, 'the code lives ten minutes');
is(uses($tenant->{invite}), 1, 'one use of the invite is taken');
my ($row) = @{ server()->psql("SELECT status, origin, provider, language, display_name, terms_version, marketing_opt_in"
            . " FROM cloudep.members WHERE email = :'email'", email => $sent->{email}) };
is_deeply($row, ['pending', 'platform_native', provider(), 'zh-TW', '王小明', '2026-01', 't'], 'what was sent is stored');
my ($mail) = server()->mails($sent->{email});
unlike($mail->{raw} // '', qr/\Q$sent->{password}\E/, 'the mail does not hold the password');

# ---- 400
outcome(client()->post('/api/v1/auth/register', '{"tenant_slug":'), 400, 10101000, 'cut JSON');
outcome(client()->post('/api/v1/auth/register', '["tenant_slug"]'), 400, 10101000, 'JSON that is no object');
outcome(client()->post('/api/v1/auth/register', '{"email":"a@b.tw","email":"c@d.tw"}'), 400, 10101000, 'a key twice');
my %bad = (
    email => ['nobody', 'a@b', 'a b@c.tw', "\x{e9}\@b.tw", "a\@b.tw\r\nBcc: x\@y.tw", 7, ('a' x 65) . '@b.tw'],
    password => ['short12', 'x' x 129, 12345678, 'password123', '12345678'],
    tenant_slug => ['Demo', 'a b', '../x', 7],
    language => ['english', 'zh_TW_', 'xx', 5],
    display_name => ["a\x{7}b", 'x' x 101, []],
    marketing_opt_in => ['yes', 1],
    accept_terms_version => ['x' x 65, {}],
);
for my $field (sort keys %bad) {
    for my $value (@{ $bad{$field} }) {
        my ($refused) = register(tenant => $tenant, $field => $value);
        outcome($refused, 400, 10101000, "$field that is not of its format");
        is_deeply([map { $_->{field} } @{ $refused->errors || [] }], [$field], "$field is named");
    }
}
for my $field (qw(tenant_slug invite_code email password accept_terms_version)) {
    my ($refused) = register(tenant => $tenant, $field => undef);
    outcome($refused, 400, 10104000, "without $field");
    is_deeply([map { $_->{field} } @{ $refused->errors }], [$field], "$field is named");
    outcome((register(tenant => $tenant, $field => ''))[0], 400, 10104000, "with an empty $field");
}
my $chinese = '密碼' x 64;
outcome((register(tenant => $tenant, password => secret('春眠不覺曉處處聞啼鳥')))[0], 200, 102000, 'a password in Chinese, counted in characters');
outcome((register(tenant => $tenant, password => $chinese . 'x'))[0], 400, 10101000, '129 characters are too many');
my $old = invite("OLD-$slug", '--expires', '30d');
server()->psql("UPDATE cloudep.invites SET expires_at = now() WHERE code = :'code'", code => $old);
outcome((register(tenant => $tenant, invite_code => $old))[0], 400, 28101000, 'an invite that has expired');

# ---- 404
outcome((register(tenant => $tenant, tenant_slug => 'nobody-knows'))[0], 404, 29301000, 'no such tenant');
outcome((register(tenant => $tenant, invite_code => 'NOBODY-KNOWS'))[0], 404, 28301000, 'no such invite');
my $other = tenant();
outcome((register(tenant => $tenant, invite_code => $other->{invite}))[0], 404, 28301000, "another tenant's invite");
outcome((register(tenant => $tenant, invite_code => 'NOBODY-KNOWS', email => $sent->{email}))[0], 404, 28301000,
    'without an invite nobody learns that an email is registered');
server()->ctl(qw(invite revoke --tenant), $slug, '--code', invite("GONE-$slug"));
outcome((register(tenant => $tenant, invite_code => "GONE-$slug"))[0], 404, 28301000, 'a revoked invite');

# ---- 409: the email, whatever its case, also while pending
is(outcome((register(tenant => $tenant, email => uc $sent->{email}))[0], 409, 28303000, 'an email that is pending')->json->{reason},
    'registration_pending', 'is told as such');
my $member = register_member(tenant => $tenant);
is(outcome((register(tenant => $tenant, email => $member->{email}))[0], 409, 28303000, 'an email that is registered')->json->{reason},
    'email_taken', 'is told as such');
outcome((register(tenant => $other, email => $member->{email}))[0], 200, 102000, 'the same email in another tenant');

# ---- 429
my $once = invite("ONCE-$slug", '--uses', 1);
outcome((register(tenant => $tenant, invite_code => $once))[0], 200, 102000, 'the only use of an invite');
is(outcome((register(tenant => $tenant, invite_code => $once))[0], 429, 28310000, 'an invite that is used up')->header('Retry-After'), undef,
    'waiting does not help');
my $removed = register_member(tenant => $tenant);
server()->psql("DELETE FROM cloudep.members WHERE uid = :'uid'", uid => $removed->{uid});
my ($cooling) = register(tenant => $tenant, email => $removed->{email});
outcome($cooling, 429, 28604000, 'a code was sent to this address a moment ago');
cmp_ok($cooling->header('Retry-After'), '<=', 60, 'Retry-After is within the cooldown');

# ---- 403 and 423
my $before = uses($tenant->{invite});
server()->ctl(qw(tenant set --slug), $slug, qw(--registration off));
outcome((register(tenant => $tenant))[0], 403, 28505000, 'the tenant takes no registrations');
server()->ctl(qw(tenant set --slug), $slug, qw(--registration on));
is(uses($tenant->{invite}), $before, 'a refused registration takes no use');

my $held = invite("HELD-$slug", '--uses', 5);
my $pid = server()->pg->hold(6, "SELECT uses FROM cloudep.invites WHERE code = :'code' FOR UPDATE", code => $held);
outcome((register(tenant => $tenant, invite_code => $held))[0], 423, 28313000, "the invite's row stays locked: the registration does not wait until it is free");
waitpid $pid, 0;
outcome((register(tenant => $tenant, invite_code => $held))[0], 200, 102000, 'an invite that was held is free again later');

finish();
