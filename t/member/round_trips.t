# GET /members/me costs one database round trip, a login five: PostgreSQL's own log of statements counts them.
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

# ---- logins: who is there and who is not cost the same

# The statements that $request costs, once both children know all of them.
sub statements_of {
    my ($request) = @_;
    my $from = length slurp($pg->{log});
    $request->();
    my %of;
    for (substr(slurp($pg->{log}), $from) =~ /LOG:  (?:execute|statement:?) ?(.{0,40})/g) {
        my ($name) = /^(\w+)/;
        $of{$name}++ if $name !~ /^(?:outbox|event|sweep|member_claim|budget_forget|budget_due|budget_settle|registration|PREPARE|SET)/;
    }
    return \%of;
}

my $login = sub { my (%fields) = @_; return sub { login($member, %fields)->status } };
$member->{client}->parallel((['POST', '/api/v1/auth/login', { tenant_slug => $member->{slug}, email => $member->{email},
                password => $_ }]) x 8) for $member->{password}, fresh_password();
$pg->psql('DELETE FROM cloudep.budgets');
is_deeply(statements_of($login->()), { member_by_email => 1, budget_check => 1, credential_get => 1, budget_pass => 1, session_open => 1 }, 'a login costs five statements');
my $wrong = { member_by_email => 1, budget_check => 1, credential_get => 1, budget_fail => 1 };
is_deeply(statements_of($login->(password => fresh_password())), $wrong, 'a wrong password four');
is_deeply(statements_of($login->(email => fresh_email())), $wrong, 'as one of nobody');

finish();
