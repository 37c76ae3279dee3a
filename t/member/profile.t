# The own profile: what is absent stays, what is empty goes, and every field is held against its standard.
use strict;
use warnings;
use utf8;
use CloudEP::Test;

my $me = '/api/v1/members/me';
my $member = register_member(display_name => 'Ada', language => 'zh-tw');
my $client = $member->{client};
my @always = qw(attributes tenant_id uid zitadel_email status origin business_email_verified business_phone_verified totp_enrolled
    create_at update_at);

# ---- reading

my $profile = outcome($client->get($me), 200, 102000, 'the profile')->data;
is_deeply([sort keys %$profile], [sort @always, qw(display_name language)], 'has what is known, and only that');
is_deeply([@{$profile}{qw(uid zitadel_email status origin display_name language)}],
    [$member->{uid}, $member->{email}, 'active', 'platform_native', 'Ada', 'zh-TW'], 'as it was registered');
ok(abs($profile->{create_at} - 1000 * time) < 60_000 && $profile->{update_at} >= $profile->{create_at},
    'times are milliseconds');
is($client->request('HEAD', $me)->status, 200, 'HEAD works');

# ---- changing

my %all = (display_name => '王小明', avatar => 'https://example.com/a.png?x=1', language => 'en', currency => 'TWD',
    phone => '+886912345678');
my $changed = outcome($client->patch($me, \%all), 200, 102000, 'all fields at once')->data;
is_deeply({ map { $_ => $changed->{$_} } keys %all }, \%all, 'come back as sent');
ok($changed->{update_at} > $profile->{update_at}, 'the time of the change as well');
is_deeply($client->get($me)->data, $changed, 'and are there');
my $one = outcome($client->patch($me, { currency => 'USD' }), 200, 102000, 'one field')->data;
is_deeply({ map { $_ => $one->{$_} } keys %all }, { %all, currency => 'USD' }, 'leaves the others');
is_deeply([@{ outcome($client->patch($me, { phone => undef }), 200, 102000, 'null')->data }{qw(phone currency)}],
    ['+886912345678', 'USD'], 'is as good as absent');
outcome($client->patch($me, {}), 200, 102000, 'nothing to change is no fault');
my $cleared = outcome($client->patch($me, { map { $_ => '' } keys %all }), 200, 102000, 'empty fields')->data;
is(scalar(grep { exists $cleared->{$_} } keys %all), 0, 'are cleared');
is($client->patch($me, { uid => 'x', status => 'suspended', business_email => 'a@b.example', zitadel_email => 'x' })->data->{status},
    'active', 'what may not be changed is ignored');
is($client->patch($me, { language => 'ZH-hant-tw' })->data->{language}, 'zh-Hant-TW', 'a language comes out in its canonical form');

# ---- refusing

my %bad = (
    display_name => ['x' x 101, ' ', "a\x{7}b"],
    avatar => ['javascript:alert(1)', 'example.com/a.png', 'ftp://example.com/a', 'http://'],
    language => ['english!', 'e', 'zh_TW_'],
    currency => ['TW', 'XXZ', 'twdd', 'DEM'],
    phone => ['0912345678', '+', '+0123456789', '+88691234567890123', '+8860912345678', '+886912345678x1'],
);
for my $field (sort keys %bad) {
    for my $value (@{ $bad{$field} }) {
        my $answer = outcome($client->patch($me, { %all, $field => $value }), 400, 10101000, "$field: a value that is none");
        is_deeply([map { $_->{field} } @{ $answer->errors // [] }], [$field], "$field: is named, and nothing else")
            or diag($value);
    }
}
my $answer = outcome($client->patch($me, { map { $_ => 1 } keys %all }), 400, 10101000, 'numbers in place of texts');
is_deeply([map { $_->{field} } @{ $answer->errors }], [qw(display_name avatar language currency phone)], 'one entry a field');
ok(!exists $client->get($me)->data->{phone}, 'a refused change changes nothing');
outcome($client->patch($me, '[]'), 400, 10101000, 'not an object');
outcome($client->patch($me, '{"phone":"+886912345678","phone":""}'), 400, 10101000, 'a name twice');

finish();
