# cloudepctl key: a key file from nothing through a rotation, and files that must not be used.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;
use File::Temp qw(tempdir);

my $ctl = CloudEP::Ctl->new;
my $folder = tempdir(CLEANUP => 1);
my $file = "$folder/keys.json";
my @file = ('--file', $file);
my $keys = sub { $ctl->json('key list', qw(key list), @file)->{keys} };

my $TIME = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/;

# ---- a rotation
my $old = $ctl->json('the first key', qw(key generate), @file)->{key};
is_deeply([@{$old}{qw(alg use in_use private)}], ['ES256', 'sign', JSON::PP::true, JSON::PP::true], 'is ES256 and in use');
is((stat $file)[2] & 07777, 0600, 'in a file that only its owner can read');
my $new = $ctl->json('the second', qw(key generate --alg EdDSA), @file)->{key};
ok(!$new->{in_use} && !$new->{activated_at}, 'is not in use yet');
like($new->{created_at}, qr/\A$TIME\z/, 'and says when it was made');
ok($ctl->json('key activate', qw(key activate --kid), $new->{kid}, @file)->{key}{in_use}, 'then it is');
is_deeply([map { $_->{kid} } grep { $_->{in_use} } @{ $keys->() }], [$new->{kid}], 'and the old one is not');
$ctl->fails(1, qr/\Q$new->{kid}\E|in use/, 'the one in use cannot be retired', qw(key retire --kid), $new->{kid}, @file);
$ctl->done('key retire', qw(key retire --kid), $old->{kid}, @file);
is_deeply([map { $_->{kid} } @{ $keys->() }], [$new->{kid}], 'the old one is gone');
$ctl->fails(1, qr/./, 'retiring it again', qw(key retire --kid), $old->{kid}, @file);
$ctl->fails(1, qr/./, 'activating what is gone', qw(key activate --kid), $old->{kid}, @file);

# ---- every algorithm
my %use = (ES256 => 'sign', ES384 => 'sign', RS256 => 'sign', EdDSA => 'sign', HS256 => 'sign', A256GCM => 'seal');
for my $alg (sort keys %use) {
    my $key = $ctl->json("$alg", qw(key generate --alg), $alg, '--file', "$folder/$alg.json")->{key};
    is_deeply([@{$key}{qw(alg use in_use)}], [$alg, $use{$alg}, JSON::PP::true], "$alg is there to $use{$alg}");
}
$ctl->fails(1, qr/none/, 'an algorithm that is none', qw(key generate --alg none), @file);

# ---- nothing secret is shown
my $set = JSON::PP::decode_json(slurp("$folder/ES256.json"));
my ($secret) = grep { defined } map { $_->{d} } @{ $set->{keys} };
ok(length $secret > 20, 'the file holds the private part');
for my $form ([], ['--json']) {
    my $output = $ctl->done("key list @$form", qw(key list --file), "$folder/ES256.json", @$form);
    ok(index($output, $secret) < 0, 'the list does not');
}
my $before = slurp($file);
like($ctl->done('for people', qw(key list), @file), qr/^KID +ALG +USE +IN USE +PRIVATE +CREATED +ACTIVATED\n\Q$new->{kid}\E +EdDSA +sign +yes +yes +$TIME +$TIME\n\z/, 'a table');
my @stamped = sort { $a->{kid} cmp $b->{kid} } @{ $keys->() };
is(join(' ', map { 0 + ($_->{created_at} le $_->{activated_at}) } @stamped), '1', 'which tells when a key was made and when it was put in use');
my $plain = JSON::PP::decode_json(slurp("$folder/ES256.json"));
delete @{$_}{qw(created_at activated_at)} for @{ $plain->{keys} };
spew("$folder/old.json", JSON::PP::encode_json($plain));
chmod 0600, "$folder/old.json";
is_deeply([@{ $ctl->json('a file of 1.0', qw(key list --file), "$folder/old.json")->{keys}[0] }{qw(created_at activated_at)}], [undef, undef], 'knows no times');

# ---- files that must not be used
$ctl->fails(4, qr/\Q$folder\E\/none\.json/, 'no file', qw(key list --file), "$folder/none.json");
$ctl->fails(4, qr/\Q$folder\E\/no\/keys\.json/, 'no folder', qw(key generate --file), "$folder/no/keys.json");
chmod 0644, $file;
$ctl->fails(4, qr/\Q$file\E/, 'a file that others can read', @$_, @file) for [qw(key list)], [qw(key generate)];
chmod 0600, $file;
is(slurp($file), $before, 'nothing of that changed the file');
spew("$folder/broken.json", '{"keys": 1}');
chmod 0600, "$folder/broken.json";
$ctl->fails(4, qr/\Q$folder\E\/broken\.json/, 'a file that is no key set', @$_, '--file', "$folder/broken.json")
    for [qw(key list)], [qw(key generate)];
is(slurp("$folder/broken.json"), '{"keys": 1}', 'is left as it is');

finish();
