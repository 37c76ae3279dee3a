# CloudEPBreachedPasswords: a password from the file is refused wherever one is set, and nowhere else.
use strict;
use warnings;
use CloudEP::Process qw(spew);
use CloudEP::Test;
use Digest::SHA qw(sha1_hex);

my $dir = CloudEP::Test::own_folder('breached');
my $breached = secret('correct horse battery staple ' . int rand 1e9);
my $kept = secret('another good phrase of mine ' . int rand 1e9);
spew("$dir/list", sha1_hex($breached) . ":3\n");
server->ctl(qw(breached import --file), "$dir/file", '--from', "$dir/list");
my $server = own_server(pg => own_postgres(), values => { CloudEPBreachedPasswords => "$dir/file", CloudEPCodeCooldown => 0, CloudEPAccountURL => 'https://id.example/account/' })->start;
my $anybody = client(server => $server);
my $tenant = tenant(server => $server);

sub refused {
    my ($answer, $field, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    outcome($answer, 400, 10101000, $name);
    is_deeply($answer->errors, [{ field => $field, rule => 'password', reason => 'is known from a data breach' }], 'says why');
    return;
}

refused((register(client => $anybody, tenant => $tenant, password => $breached))[0], 'password', 'register');
my ($answer, $sent) = register(client => $anybody, tenant => $tenant);
outcome($answer, 200, 102000, 'another password registers');
refused($anybody->post('/api/v1/auth/register/resume', { tenant_slug => $tenant->{slug}, email => $sent->{email}, password => $breached }), 'password', 'resume');
my $member = register_member(tenant => $tenant, password => $kept);
refused($member->{client}->post('/api/v1/members/me/password', { current_password => $kept, new_password => $breached }), 'new_password', 'a change');
my $reset = { tenant_slug => $tenant->{slug}, new_password => $breached,
    challenge_id => $anybody->post('/api/v1/auth/password/forgot', { tenant_slug => $tenant->{slug}, email => $member->{email} })->data->{challenge_id},
    code => secret($server->mail_code($member->{email}, 2)) };
refused($anybody->post('/api/v1/auth/password/reset', $reset), 'new_password', 'a reset by code');
$server->ctl(qw(member password-reset --tenant), $tenant->{slug}, '--email', $member->{email});
my ($token) = (grep { $_->{text} =~ /#reset=/ } $server->mails($member->{email}, 3))[0]{text} =~ /#reset=([A-Za-z0-9_-]{64})$/m;
refused($anybody->post('/api/v1/auth/password/reset-by-link', { token => secret($token), new_password => $breached }), 'new_password', 'a reset by link');
outcome($anybody->post('/api/v1/auth/password/reset', { %$reset, new_password => secret("$kept!") }), 200, 102000, 'the same code sets another one');

# ---- whoever has one already logs in, and changes it when they want to
my $other = own_server(pg => $server->pg, memcached => $server->memcached, values => { CloudEPCodeCooldown => 0 })->start;
my $early = register_member(tenant => { %$tenant, server => $other }, password => $breached);
is(login({ %$early, client => $anybody })->status, 200, 'a login by one is no refusal');

# ---- what is no such file stops the start
spew("$dir/bad", "no such file\n");
for my $file ("$dir/bad", "$dir/none") {
    like(own_server(values => { CloudEPBreachedPasswords => $file })->refuses_to_start // '', qr/CloudEPBreachedPasswords \Q$file\E: /, "$file is refused at the start");
}

finish();
