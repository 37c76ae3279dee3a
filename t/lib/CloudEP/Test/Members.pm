package CloudEP::Test::Members;

# Tenants and members of a test's own.

use strict;
use warnings;
use CloudEP::Test::Answers;
use CloudEP::Test::Servers;
use Exporter 'import';

our @EXPORT = qw(tenant fresh_email fresh_password register register_member login check_success stay_within);

my $tenants_made = 0;
my %tenants;    # by the port of their server

# A tenant of its own with an invite: { slug, invite }. uses => of the invite, server => where.
sub tenant {
    my (%options) = @_;
    my $server = $options{server} // server();
    my $slug = 't-' . random_word(10);
    my $invite = uc 'inv-' . random_word(10);
    $server->ctl(qw(tenant add --slug), $slug, '--name', "Tenant $slug",
        $server->{organizations} ? ('--organization', $server->{organizations}[$tenants_made++ % @{ $server->{organizations} }]) : ());
    $server->ctl(qw(invite add --tenant), $slug, '--code', $invite, '--uses', $options{uses} // 1000);
    return { slug => $slug, invite => $invite, server => $server };
}

sub random_word {
    my ($length) = @_;
    return join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. $length;
}

sub fresh_email { lc(random_word(12)) . '@example.com' }
sub fresh_password { secret('Pw7-' . random_word(20)) }

# A tenant for those who do not care which.
sub any_tenant {
    my ($server) = @_;
    return $tenants{ $server->port } //= tenant(server => $server);
}

# Posts a registration. %fields overrides or (undef) leaves out fields; tenant => as tenant() made it, client => of
# another server. Returns the answer and what was sent.
sub register {
    my (%fields) = @_;
    my $client = delete $fields{client} // client();
    my $tenant = delete $fields{tenant} // any_tenant($client->{server} // server());
    my %body = (
        tenant_slug => $tenant->{slug}, invite_code => $tenant->{invite}, email => fresh_email(),
        password => fresh_password(), accept_terms_version => '2026-01', %fields,
    );
    delete @body{ grep { !defined $body{$_} } keys %body };
    return ($client->post('/api/v1/auth/register', \%body), \%body);
}

# A registered and confirmed member: { tenant, slug, uid, email, password, access, refresh, client (with the token) }.
sub register_member {
    my (%options) = @_;
    my $server = delete $options{server} // ($options{tenant} ? $options{tenant}{server} : server());
    my $tenant = delete $options{tenant} // any_tenant($server);
    my $client = client(server => $server);
    my ($registered, $sent) = register(client => $client, tenant => $tenant, %options);
    check_success($registered, 'register');
    my $confirmed = check_success($client->post('/api/v1/auth/register/confirm', {
                tenant_slug => $tenant->{slug}, challenge_id => $registered->data->{challenge_id},
                code => secret($server->mail_code($sent->{email})),
    }), 'confirm');
    my $tokens = $confirmed->data;
    return {
        tenant => $tenant, slug => $tenant->{slug}, email => $sent->{email}, password => $sent->{password},
        uid => $tokens->{uid}, access => $tokens->{access_token}, refresh => $tokens->{refresh_token},
        client => $client->with(token => $tokens->{access_token}),
    };
}

# Logs a member in; returns the answer.
sub login {
    my ($member, %fields) = @_;
    return $member->{client}->with(token => undef)->post('/api/v1/auth/login', {
            tenant_slug => $member->{slug}, email => $member->{email}, password => $member->{password}, %fields,
    });
}

sub check_success {
    my ($response, $what) = @_;
    $response->status == 200 or die "$what: ", $response->status, ' ', $response->body, "\n";
    return $response;
}

# Caps count by the hours (3600) or days (86400) of the clock: waits for the next one if this one ends within so many seconds.
sub stay_within {
    my ($period, $seconds) = @_;
    my $left = $period - time % $period;
    sleep $left + 1 if $left < $seconds;
}

1;
