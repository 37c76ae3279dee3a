# What operators set for members: attributes, the switches by which a tenant's members log in, and the file of breached
# passwords.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;

my $ctl = CloudEP::Ctl->new(database => server->pg->dsn('cloudep_owner'));
my $tenant = tenant();
my $member = register_member(tenant => $tenant);
my @named = ('--tenant', $tenant->{slug}, '--email', $member->{email});
my $me = sub { $member->{client}->get('/api/v1/members/me')->data };
my $set = sub { $ctl->json("member set @_", qw(member set), @named, @_)->{member} };

# ---- attributes
is_deeply($me->()->{attributes}, {}, 'a member has none');
my $after = $set->(map { ('--attribute', $_) } 'tier=pro', 'machineLimit=5', 'beta=true', 'text="5"', 'tags=["a","b"]', 'sum=a=b', 'none=');
my %all = (tier => 'pro', machineLimit => 5, beta => JSON::PP::true, text => '5', tags => [qw(a b)], sum => 'a=b', none => '');
is_deeply($after->{attributes}, \%all, 'JSON is kept as that, anything else as text');
is_deeply($me->()->{attributes}, \%all, 'the member reads them');
is_deeply($set->('--attribute', 'tier=basic', '--remove-attribute', 'tags', '--remove-attribute', 'gone')->{attributes},
    { %all{qw(machineLimit beta text sum none)}, tier => 'basic' }, 'one is changed, one removed, the others stay');
like($ctl->done('member show', qw(member show), @named), qr/^attributes +\{.*"tier": ?"basic"/m, 'the operator sees them');
is($ctl->json('member show', qw(member show), @named)->{member}{attributes}{tier}, 'basic', 'as JSON, too');
my $before = $me->()->{attributes};
$ctl->fails(1, qr/the attributes would be \d+ bytes; 8192 is the most/, 'too many bytes', qw(member set), @named, '--attribute', 'big=' . 'x' x 8192);
is_deeply($me->()->{attributes}, $before, 'change nothing');
my $room = 8192 - length(server->value("SELECT attributes FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid})) - length ', "big": ""';
is($set->('--attribute', 'big=' . 'x' x $room)->{bytes}, 8192, 'as many as there may be');
$ctl->fails(1, qr/would be 8193 bytes/, 'and one more', qw(member set), @named, '--attribute', 'big=' . 'x' x ($room + 1));
$ctl->fails(2, qr/--attribute must be/, "the attribute $_", qw(member set), @named, '--attribute', $_) for 'tier', '=x', 'a b=c', 'x' x 65 . '=1';
$ctl->fails(2, qr/--remove-attribute must be/, "removing $_", qw(member set), @named, '--remove-attribute', $_) for '', 'a b';
$ctl->fails(2, qr/nothing to set/, 'nothing', qw(member set), @named);
$ctl->fails(1, qr/no member/, 'nobody', qw(member set --attribute a=b --tenant), $tenant->{slug}, '--email', fresh_email());

# ---- a switch is not turned off under whoever has nothing else
for my $row (['code-login', 'code_login', 'ways_in = 0'], ['sms-login', 'sms_login', "ways_in = 0, login_phone = '+88691234567' || right(uid::text, 0)"]) {
    my ($option, $column, $state) = @$row;
    my @tenant = (qw(tenant set --slug), $tenant->{slug});
    ok($ctl->json("$option on", @tenant, "--$option", 'on')->{tenant}{$column}, "$option is on");
    my $other = register_member(tenant => $tenant);
    server->psql("UPDATE cloudep.members SET has_password = false, $state WHERE uid = :'uid'", uid => $member->{uid});
    $ctl->fails(1, qr/^(?:cloudepctl: )?1 member of \Q$tenant->{slug}\E could not log in by anything else any more: --yes/, "$option off asks", @tenant, "--$option", 'off');
    ok($ctl->json('tenant show', qw(tenant show --slug), $tenant->{slug})->{tenant}{$column}, 'and changes nothing');
    ok($ctl->json("another setting", @tenant, qw(--name X))->{tenant}{$column}, 'another setting does not ask');
    server->psql("UPDATE cloudep.members SET ways_in = 1 WHERE uid = :'uid'", uid => $member->{uid});
    ok(!$ctl->json("$option off", @tenant, "--$option", 'off')->{tenant}{$column}, 'where everybody has another way it does not ask either');
    server->psql("UPDATE cloudep.members SET ways_in = 0 WHERE uid = :'uid'", uid => $member->{uid});
    ok($ctl->json("$option on", @tenant, "--$option", 'on')->{tenant}{$column}, "$option is on again");
    ok(!$ctl->json("$option off --yes", @tenant, "--$option", 'off', '--yes')->{tenant}{$column}, '--yes does it');
    server->psql("UPDATE cloudep.members SET ways_in = 1, login_phone = NULL WHERE uid = :'uid'", uid => $member->{uid});
}

# ---- breached passwords
my $dir = CloudEP::Test::own_folder('breached');
spew("$dir/list", "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9\n7C4A8D09CA3762AF61E59520943DC26494F8941B:1\n");
my $made = $ctl->json('breached import', qw(breached import --file), "$dir/file", '--from', "$dir/list")->{breached};
is_deeply($made, { file => "$dir/file", passwords => 2 }, 'tells how many');
is(-s "$dir/file", 24 + 2 * 8, 'in eight bytes each');
like($ctl->done('breached import for people', qw(breached import --least 2 --file), "$dir/file", '--from', "$dir/list"), qr/has 1 passwords/, 'with a least number');
spew("$dir/list", "hello\n");
$ctl->fails(4, qr/list: line 1: is not a SHA-1/, 'another file', qw(breached import --file), "$dir/file", '--from', "$dir/list");
is(-s "$dir/file", 24 + 8, 'leaves what was there');
$ctl->fails(4, qr/none: /, 'no file', qw(breached import --file), "$dir/file", '--from', "$dir/none");
$ctl->fails(2, qr/--least must be/, 'no number', qw(breached import --least 0 --file x --from y));

finish();
