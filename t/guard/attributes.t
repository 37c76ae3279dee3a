# Attributes of members at the guard: who passes by one, what the server behind is told, and that nobody else tells it.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Test;

my $tenant = tenant();
my $member = register_member(tenant => $tenant);
my $other = register_member(tenant => $tenant);
my $backend = CloudEP::Backend->start;
my $to = $backend->url;
server()->ctl(qw(member set --tenant), $tenant->{slug}, '--email', $member->{email}, map { ('--attribute', $_) } 'tier=pro', 'limit=5', 'beta=true', 'tags=["a","b c"]', 'plan={"seats":3}', 'empty=');

my @GUARD = ('AuthType CloudEP', 'AuthName x', 'AuthzSendForbiddenOnFailure On');
sub location { my ($path, @lines) = @_; return ("<Location $path>", @lines, "ProxyPass $to", '</Location>') }
my $server = own_server(values => { CloudEPIssuer => server()->url, CloudEPSessionCache => 60 }, with => [
        (map { location("/$_->[0]", @GUARD, "Require cloudep-attribute $_->[1]") } ['pro', 'tier pro'], ['five', 'limit 5'], ['beta', 'beta true'], ['a', 'tags "b c"'],
            ['basic', 'tier basic'], ['object', 'plan {"seats":3}'], ['none', 'gone x'], ['half', 'tier pr']),
        location('/tell', @GUARD, 'Require valid-user', map { "CloudEPIdentityAttribute $_" } 'tier X-Tier', 'limit X-Limit', 'beta X-Beta', 'tags X-Tags', 'plan X-Plan', 'gone X-Gone', 'empty X-Empty'),
        location('/plain', @GUARD, 'Require valid-user'),
        location('/open'),
        location('/both', @GUARD, '<RequireAny>', 'Require cloudep-attribute tier basic', 'Require cloudep-attribute limit 5', '</RequireAny>'),
        '<Location /inner>', @GUARD, 'Require valid-user', 'ErrorDocument 404 /tell/', '</Location>',
])->start;

sub as { my ($who) = @_; return client(server => $server, watch => undef, token => $who ? $who->{access} : undef) }
sub status { my ($who, $path) = @_; return as($who)->get($path)->status }

sub arrives {
    my ($who, $path, @lines) = @_;
    my $answer = as()->raw(as($who)->bytes(GET => $path) =~ s/\r\n\r\n\z/join '', "\r\n", map { "$_\r\n" } @lines, ''/er);
    my ($head) = $answer =~ m{\r\n\r\n(.*)}s;
    my %got;
    push @{ $got{ lc $1 } }, $2 while $head =~ /^([^\s:]+): (.*?)\r$/mg;
    return \%got;
}

expect_log(qr/AH01631: user [0-9a-f-]+: authorization failure/);

# ---- who passes
is(status($member, "/$_/"), 200, "$_ passes") for qw(pro five beta a both);
is(status($member, "/$_/"), 403, "$_ does not") for qw(basic object none half);
is(status($other, "/$_/"), 403, "$_: nor does another member") for qw(pro five beta a both);
is(status(undef, '/pro/'), 401, 'without a token nobody is asked for an attribute');

# ---- what the server behind is told
my $told = arrives($member, '/tell/', 'X-Gone: spoofed', 'X_Tier: basic', 'x-empty: y', 'X-Other: kept');
is_deeply({ map { $_ => $told->{"x-$_"} } qw(tier limit beta tags plan gone empty other) },
    { tier => ['pro'], limit => ['5'], beta => ['true'], tags => ['["a","b c"]'], plan => ['{"seats":3}'], gone => undef, empty => undef, other => ['kept'] },
    'texts as they are, the rest as JSON, and nothing that the client says');
is_deeply([map { arrives(undef, $_, 'X-Tier: pro')->{'x-tier'} } '/open/'], [undef], 'nor where nothing is guarded');
is(arrives($member, '/plain/', 'X-Tier: pro')->{'x-tier'}, undef, 'nor where no attribute is named');
is_deeply(arrives($member, '/tell/', 'Connection: X-Tier')->{'x-tier'}, ['pro'], 'and a client cannot have it dropped');

is_deeply(arrives($member, '/inner/')->{'x-limit'}, ['5'], 'also where a place that names none leads there');

# ---- at once, although CloudEPSessionCache may remember the session
is(status($member, '/plain/'), 200, 'the session is remembered');
server()->ctl(qw(member set --tenant), $tenant->{slug}, '--email', $member->{email}, '--attribute', 'tier=basic');
is(status($member, '/pro/'), 403, 'a change counts at the next request');
is(status($member, '/basic/'), 200, 'in both directions');
is_deeply(arrives($member, '/tell/')->{'x-tier'}, ['basic'], 'and is told');
my @answers = as($member)->parallel(map { ['GET', $_ % 2 ? '/basic/' : '/plain/'] } 1 .. 32);
is(scalar(grep { $_->status == 200 } @answers), 32, 'those who want them and those who do not are asked for together');

# ---- mistakes stop the start
for my $row (['Require cloudep-attribute tier', qr/needs an attribute and its value/], ['Require cloudep-attribute "a b" c', qr/the name of an attribute/],
    ['CloudEPIdentityAttribute tier Authorization', qr/must begin with X-/], ['CloudEPIdentityAttribute tier X-CloudEP-UID', qr/must begin with X-/],
    ['CloudEPIdentityAttribute tier "X-A B"', qr/must begin with X-/], ['CloudEPIdentityAttribute "a b" X-A', qr/the name of an attribute/]) {
    like(own_server(with => ['<Location /x>', @GUARD, $row->[0], '</Location>'])->refuses_to_start // '', $row->[1], $row->[0]);
}

finish();
