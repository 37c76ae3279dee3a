# cloudepctl tenant and invite: what is stored is what was said, wrong input is refused before the database sees it, and
# the API keeps to it at once.
use strict;
use warnings;
use utf8;
use CloudEP::Ctl;
use CloudEP::Test;

my $ctl = CloudEP::Ctl->new(database => server->pg->dsn('cloudep_owner'));
my $slug = 'c-' . lc substr fresh_email(), 0, 10;

# ---- tenants
my $name = "O'Reilly; DROP TABLE \"示範\" %s %d \\";
utf8::encode(my $bytes = $name);
my $tenant = $ctl->json('tenant add', qw(tenant add --slug), $slug, '--name', $bytes, '--redirect-uri', 'https://a.example/cb',
    '--redirect-uri', 'http://localhost:3000/cb?x=1')->{tenant};
is($tenant->{name}, $name, 'any name is stored as it is');
is_deeply($tenant->{redirect_uris}, ['https://a.example/cb', 'http://localhost:3000/cb?x=1'], 'redirect URIs in their order');
ok($tenant->{registration} && $tenant->{login}, 'registration and login are on');
ok(!(grep { $tenant->{$_} } qw(exchange_password code_login sms_login totp_login)), 'what else members may log in by is off');
ok(delete $tenant->{changed}, 'is a change');
is_deeply($ctl->json('tenant show', qw(tenant show --slug), $slug)->{tenant}, $tenant, 'shows the same');
like($ctl->done('tenant show for people', qw(tenant show --slug), $slug), qr/^registration +yes$/m, 'and for people');
$ctl->fails(5, qr/tenant \Q$slug\E exists already/, 'the same slug again', qw(tenant add --name x --slug), $slug);
my $there = $ctl->json('--if-absent', qw(tenant add --name x --if-absent --slug), $slug)->{tenant};
is_deeply([@{$there}{qw(changed name updated_at)}], [JSON::PP::false, $name, $tenant->{updated_at}], 'changes nothing of one that is there');
is($ctl->done('--if-absent for people', qw(tenant add --name x --if-absent --slug), $slug), "tenant $slug unchanged\n", 'and says so');
$ctl->fails(6, qr/no tenant no-such/, 'an unknown tenant', @$_) for [qw(tenant show --slug no-such)],
    [qw(tenant set --login on --slug no-such)], [qw(invite add --tenant no-such)], [qw(member list --tenant no-such)];

my $changed = $ctl->json('tenant set', qw(tenant set --slug), $slug, qw(--login off --registration off --totp-issuer Acme
        --exchange-password on --code-login on --organization 42 --redirect-uri https://b.example/ --redirect-uri https://a.example/cb --remove-redirect-uri),
    'http://localhost:3000/cb?x=1')->{tenant};
is_deeply($changed->{redirect_uris}, ['https://a.example/cb', 'https://b.example/'], 'adds once, removes, keeps the order');
is_deeply([@{$changed}{qw(login registration exchange_password code_login totp_issuer organization name)}],
    [JSON::PP::false, JSON::PP::false, JSON::PP::true, JSON::PP::true, 'Acme', '42', $name],
    'changes what was given and nothing else');
$changed = $ctl->json('tenant set back', qw(tenant set --slug), $slug, qw(--login on --registration on --exchange-password off --code-login off
        --totp-issuer), '',
    '--organization', '')->{tenant};
ok(!$changed->{exchange_password} && !$changed->{code_login}, 'and back');
is_deeply([@{$changed}{qw(totp_issuer organization)}], [undef, undef], 'the empty text clears');
ok($changed->{changed}, 'which is a change');
server->psql("UPDATE cloudep.tenants SET updated_at = '2020-01-01' WHERE slug = :'slug'", slug => $slug);
my @set = (qw(tenant set --login on --totp-issuer), '', '--redirect-uri', 'https://a.example/cb', '--slug', $slug);
my $same = $ctl->json('set to what it is', @set)->{tenant};
is_deeply([$same->{changed}, substr $same->{updated_at}, 0, 4], [JSON::PP::false, '2020'], 'changes nothing');
is($ctl->done('set to what it is, for people', @set), "tenant $slug unchanged\n", 'and says so');
for my $one ([qw(--login off)], [qw(--registration off)], [qw(--totp-issuer X)], [qw(--organization 7)], [qw(--exchange-password on)], [qw(--code-login on)],
    [qw(--sms-login on)], [qw(--totp-login on)], [qw(--redirect-uri https://new.example/)], [qw(--name Other)]) {
    server->psql("UPDATE cloudep.tenants SET updated_at = '2020-01-01' WHERE slug = :'slug'", slug => $slug);
    $same = $ctl->json("set @$one", qw(tenant set --slug), $slug, @$one)->{tenant};
    ok($same->{changed} && $same->{updated_at} gt '2021', 'is a change, and its time');
}
$ctl->done('set back', qw(tenant set --login on --registration on --exchange-password off --code-login off --sms-login off --totp-login off --remove-redirect-uri https://new.example/ --slug), $slug,
    '--totp-issuer', '', '--organization', '', '--name', $bytes);
my $added = $ctl->json('tenant add with switches', qw(tenant add --name x --code-login off --sms-login off --totp-login on --slug), "$slug-2")->{tenant};
is_deeply([@{$added}{qw(code_login sms_login totp_login)}], [JSON::PP::false, JSON::PP::false, JSON::PP::true], 'each switch is its own');
$ctl->done('tenant delete', qw(tenant delete --yes --slug), "$slug-2");
$ctl->fails(2, qr/nothing to set/, 'set without anything to set', qw(tenant set --slug), $slug);

$ctl->fails(2, qr/--slug must be/, "the slug $_", qw(tenant add --name x --slug), $_) for 'Upper', 'a_b', 'a b', '', 'ä', 'x' x 64;
$ctl->fails(2, qr/--slug must be/, 'a slug that begins with -', qw(tenant add --name x), '--slug=-a');
$ctl->fails(2, qr/--name must be/, 'a name that is no name', qw(tenant add --slug x1 --name), $_) for '', ' ', "a\nb", 'x' x 201;
$ctl->fails(2, qr/--$_ must be printable/, "--$_ that is no text", qw(tenant set --slug), $slug, "--$_", "a\nb") for qw(name totp-issuer organization);
$ctl->fails(2, qr/--$_ must be printable text of 1 to 200/, "--$_ that is too long", qw(tenant set --slug), $slug, "--$_", 'x' x 201) for qw(totp-issuer organization);
my $longest = $ctl->json('a slug and a name as long as they may be', qw(tenant add --slug), substr("$slug-" . 'x' x 63, 0, 63), '--name', "\xc3\xa4" x 200)->{tenant};
is(length $longest->{name}, 200, 'are taken, in characters');
$ctl->done('and the tenant goes', qw(tenant delete --yes --slug), $longest->{slug});
my $listed = sub { return $ctl->json('tenant set --origin', qw(tenant set --slug), $slug, @_)->{tenant}{origins} };
is_deeply($listed->('--origin', 'https://a.example', '--origin', 'http://localhost:3000', '--origin', 'https://a.example'), ['https://a.example', 'http://localhost:3000'], 'origins, once each');
is_deeply($listed->('--origin', 'https://b.example', '--remove-origin', 'https://a.example'), ['http://localhost:3000', 'https://b.example'], 'adds, removes, keeps the order');
$ctl->fails(2, qr/--origin (?:takes|is written)/, "the origin '$_'", qw(tenant set --slug), $slug, '--origin', $_)
    for '*', 'null', 'https://a.example/', 'https://A.example', 'https://a.example:443', 'a.example', '';
$ctl->fails(2, qr/--redirect-uri must be/, "the redirect URI $_", qw(tenant set --slug), $slug, '--redirect-uri', $_)
    for 'javascript:alert(1)', '/cb', 'https://a.example/#f', 'https://u:p@a.example/', '';
$ctl->fails(2, qr/--login must be on or off/, "--login $_", qw(tenant set --slug), $slug, '--login', $_) for 'yes', '';

# ---- a list in pages
my @slugs = map { "$slug-$_" } 1 .. 5;
$ctl->done("tenant $_", qw(tenant add --name x --slug), $_) for @slugs;
my ($after, @seen, $page) = ($slug);
do {
    $page = $ctl->json('a page', qw(tenant list --limit 2 --after), $after);
    push @seen, map { $_->{slug} } @{ $page->{tenants} };
    $after = $page->{next};
} while ($after && $after lt $slugs[-1]);
is_deeply([grep { /^\Q$slug\E-/ } @seen], \@slugs, 'pages hold each tenant once, by slug');
is($ctl->json('a page that ends with the last', qw(tenant list --limit 2 --after), $slugs[-3])->{next}, server->value("SELECT count(*) FROM cloudep.tenants WHERE slug > '$slugs[-1]'") ? $slugs[-1] : undef,
    'leads on only where there is more');
like($ctl->done('a page for people', qw(tenant list --limit 1 --after), $slug), qr/^SLUG +NAME.*\n\Q$slug\E-1 .*\nmore: --after \Q$slug\E-1\n\z/,
    'names where the next one begins');

# ---- invites
my $invite = $ctl->json('invite add', qw(invite add --tenant), $slug, qw(--code WELCOME --uses 2 --expires 7d))->{invite};
is_deeply([@{$invite}{qw(code uses max_uses state)}], ['WELCOME', 0, 2, 'open'], 'has its code and uses');
my $seconds = server->value(q(SELECT round(extract(epoch FROM expires_at - created_at)) FROM cloudep.invites WHERE id = :'id'), id => $invite->{id});
is($seconds, 7 * 86400, 'and is good for seven days');
$ctl->fails(5, qr/invite WELCOME exists already/, 'the same code again', qw(invite add --code WELCOME --tenant), $slug);
is_deeply($ctl->json('--if-absent', qw(invite add --if-absent --code WELCOME --tenant), $slug), { invite => { code => 'WELCOME', changed => JSON::PP::false } },
    'changes nothing of an invite that is there');
my $other = $ctl->json('invite add without a code', qw(invite add --tenant), $slug)->{invite};
like($other->{code}, qr/^[A-Za-z0-9_-]{22}$/, 'makes a code that cannot be guessed');
is_deeply([@{$other}{qw(max_uses expires_at)}], [1, undef], 'for one use and without an end');
my $lasts = sub {
    my ($when) = @_;
    my $id = $ctl->json("--expires $when", qw(invite add --tenant), $slug, '--expires', $when)->{invite}{id};
    return server->value(q(WITH gone AS (DELETE FROM cloudep.invites WHERE id = :'id' RETURNING *) SELECT round(extract(epoch FROM expires_at - created_at)) FROM gone), id => $id);
};
is_deeply([map { $lasts->($_) } qw(1s 90m 12h 3650d 2w 521w)], [1, 90 * 60, 12 * 3600, 3650 * 86400, 14 * 86400, 521 * 7 * 86400], 'seconds, minutes, hours, days and weeks');
$ctl->fails(2, qr/--expires must be/, "more than ten years: $_", qw(invite add --tenant), $slug, '--expires', $_) for qw(3651d 522w 87601h);
for my $case (['2099-12-31 23:30:00-00:30', '2100-01-01T00:00:00Z'], ['2096-02-29T01:02:03z', '2096-02-29T01:02:03Z'], ['2099-01-01T00:00:00+23:59', '2098-12-31T00:01:00Z']) {
    my $at = $ctl->json("a time: $case->[0]", qw(invite add --tenant), $slug, '--code', 'at', '--expires', $case->[0])->{invite};
    is($at->{expires_at}, $case->[1], "$case->[0] is that in UTC");
    server->psql(q(DELETE FROM cloudep.invites WHERE id = :'id'), id => $at->{id});
}
my $dated = $ctl->json('a date', qw(invite add --code D --expires 2099-12-31T23:30:00+01:00 --tenant), $slug)->{invite};
is($dated->{expires_at}, '2099-12-31T22:30:00Z', 'is taken with its offset');
$ctl->fails(2, qr/--expires must be/, "--expires $_", qw(invite add --tenant), $slug, '--expires', $_)
    for qw(7 d 7y 0d -1d 2099-02-30T00:00:00Z 2099-13-01T00:00:00Z 2099-01-01 2099-01-01T00:00:00 99999999999d 2099-01-01T24:00:00Z 2099-01-01T00:60:00Z 2099-00-01T00:00:00Z
    2099-01-01T00:00:00+24:00 2099-01-01T00:00:00+01:60 2099-01-01T00:00:00+1:00), '';
$ctl->fails(2, qr/--expires is in the past/, 'a date in the past', qw(invite add --expires 2020-01-01T00:00:00Z --tenant), $slug);
$ctl->fails(2, qr/--uses must be/, "--uses $_", qw(invite add --tenant), $slug, '--uses', $_) for qw(0 -1 x 1000001);
$ctl->fails(2, qr/--code must be/, "the code '$_'", qw(invite add --tenant), $slug, '--code', $_) for '', 'a b', 'x' x 129;
my $most = $ctl->json('a code and uses as large as they may be', qw(invite add --uses 1000000 --tenant), $slug, '--code', 'x' x 128)->{invite};
is($most->{max_uses}, 1_000_000, 'are taken');
server->psql(q(DELETE FROM cloudep.invites WHERE id = :'id'), id => $most->{id});
is_deeply([map { $_->{code} } @{ $ctl->json('invite list', qw(invite list --tenant), $slug)->{invites} }],
    [sort { $a cmp $b } 'WELCOME', 'D', $other->{code}], 'lists them by code');

# ---- the API keeps to it
my %tenant = (tenant => { slug => $slug, invite => 'WELCOME' });
outcome((register(%tenant))[0], 200, 102000, 'the invite admits');
my ($welcome) = grep { $_->{code} eq 'WELCOME' } @{ $ctl->json('invite list', qw(invite list --tenant), $slug)->{invites} };
is($welcome->{uses}, 1, 'the use is counted');
$ctl->done('registration off', qw(tenant set --registration off --slug), $slug);
outcome((register(%tenant))[0], 403, 28505000, 'no more registrations');
$ctl->done('registration on', qw(tenant set --registration on --slug), $slug);
is($ctl->json('invite revoke', qw(invite revoke --code WELCOME --tenant), $slug)->{invite}{state}, 'revoked', 'is revoked');
outcome((register(%tenant))[0], 404, 28301000, 'a revoked invite is none');
$ctl->done('revoking twice does no harm', qw(invite revoke --code WELCOME --tenant), $slug);
$ctl->fails(6, qr/has no invite nope/, 'revoking what is not there', qw(invite revoke --code nope --tenant), $slug);

finish();
