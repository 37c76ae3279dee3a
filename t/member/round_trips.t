# GET /members/me costs one database round trip: PostgreSQL's own log of statements counts them.
use strict;
use warnings;
use CloudEP::Process qw(slurp);
use CloudEP::Test;

my $pg = own_postgres();
$pg->psql("ALTER ROLE cloudep_app SET log_statement = 'all'");
my $server = own_server(pg => $pg, values => { CloudEPSweepInterval => '1h' })->start;
my $member = register_member(server => $server);

# Both children connect and prepare before anything is counted.
$member->{client}->parallel((['GET', '/api/v1/members/me']) x 64);
my $before = length slurp($pg->{log});
my @answers = map { $member->{client}->get('/api/v1/members/me') } 1 .. 50;
is(scalar(grep { $_->status == 200 } @answers), 50, '50 profiles are read');

# A statement is in the log before it is executed.
my %count;
for (substr(slurp($pg->{log}), $before) =~ /LOG:  (?:execute|statement:?) ?(.{0,40})/g) {
    my ($name) = /^(\w+)/;

    # Not the threads beside the requests, nor what a connection does once in its life.
    $count{$name}++ if $name !~ /^(?:outbox|event|sweep|sessions_slide|member_claim|PREPARE|SET)/;
}
is_deeply(\%count, { session_principal => 50 }, 'by one statement each') or diag(explain \%count);

finish();
