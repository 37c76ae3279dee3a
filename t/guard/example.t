# The first example of doc/guard.md, by its very text: what is behind gets the path that was meant.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Edge;
use CloudEP::Test;

my $member = register_member(tenant => tenant());
my $backend = CloudEP::Backend->start;
my $server = own_server(values => { CloudEPIssuer => server()->url },
    with => [split /\n/, example('apache', 'http://127.0.0.1:3000' => $backend->url =~ s{/$}{}r)])->start;

sub page { my ($path, %more) = @_; return client(server => $server, watch => undef, token => $member->{access}, %more)->get($path) }
my %arrives = ('/app/x?y=1' => '/x?y=1', '/app/' => '/', '/app' => '/', '/app/a/b/' => '/a/b/', '/app?y=1' => '/?y=1');
for my $path (sort keys %arrives) {
    my $page = page($path);
    is($page->status, 200, "$path: a member passes");
    like($page->body, qr{^GET \Q$arrives{$path}\E HTTP}, "and it arrives as $arrives{$path}");
    is(page($path, token => undef)->status, 401, 'nobody passes');
}
is(page('/apple')->status, 404, 'another path is not the application\'s');

expect_log(qr/AH00128|does not exist/);
finish();
