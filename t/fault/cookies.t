# PostgreSQL gone: a session cookie is neither refused nor taken for anybody's, and is as good as before once it is back.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Test;

my $pg = own_postgres();
my $server = own_server(pg => $pg, with => [
        map { ("<Location /$_>", "CloudEPServe $_", 'CloudEPTokenDelivery cookie', '</Location>') } qw(auth members)])->start;
my $member = register_member(tenant => tenant(server => $server));
my $browser = CloudEP::Browser->new(client => client(server => $server));
my %login = (tenant_slug => $member->{slug}, email => $member->{email}, password => $member->{password});
$browser->get('/auth/xsrf');
outcome($browser->post('/auth/login', \%login), 200, 102000, 'a login');

my %before = %{ $browser->{jar} };
for my $way (qw(stop kill9)) {
    $pg->$way;
    outcome($browser->get('/members/me'), 500, 29201000, "a member's request after $way of PostgreSQL");
    outcome($browser->post('/auth/token/refresh'), 500, 28601000, 'a refresh');
    outcome($browser->post('/auth/logout'), 500, 28601000, 'a logout');
    outcome($browser->post('/auth/login', \%login), 500, 28201000, 'a login');
    is($browser->get('/auth/xsrf')->status, 204, 'an XSRF token needs no database');
    is_deeply($browser->{jar}, \%before, 'the browser keeps its cookies');
    $pg->start;
    outcome($browser->get('/members/me'), 200, 102000, 'once it is back they count');
}

# Many tabs at once turn in the same value: one successor, and nobody is logged out, without any grace too.
$server->{values}{CloudEPRefreshGrace} = 0;
$server->restart;
my @answers = $browser->{client}->parallel(([POST => '/auth/token/refresh', undef, $browser->headers('POST')]) x 10);
is(scalar(grep { $_->status == 200 } @answers), 1, 'without a grace one of ten gets the successor');
is(scalar(grep { $_->status == 401 } @answers), 9, 'the others are refused');
$browser->keep($_) for grep { $_->status == 200 } @answers;
outcome($browser->get('/members/me'), 200, 102000, 'and the session goes on');
$server->{values}{CloudEPRefreshGrace} = 10;
$server->restart;
@answers = $browser->{client}->parallel(([POST => '/auth/token/refresh', undef, $browser->headers('POST')]) x 10);
is(scalar(grep { $_->status == 200 } @answers), 10, 'with one all ten do');
my %values = map { $_->{value} => 1 } grep { $_->{name} eq 'cloudep' } map { CloudEP::Browser::set_cookies($_) } @answers;
is(scalar keys %values, 1, 'which is the same');
expect_log(qr/statement \w+: |CE\d+: .* failed \(database\)|AH006\d\d: |AH02655: |CE124[01]: |connect/);
finish();
