# POST /login: every outcome that passwords have; the state of an account is told only to who knows its password.
use strict;
use warnings;
use CloudEP::Test;

my $tenant = tenant();
my $member = register_member(tenant => $tenant);
my $path = '/api/v1/auth/login';

sub set_status {
    my ($status) = @_;
    server()->psql("UPDATE cloudep.members SET status = '$status' WHERE uid = :'uid'", uid => $member->{uid});
}

# ---- success
my $data = outcome(login($member), 200, 102000, 'email and password')->data;
is($data->{uid}, $member->{uid}, 'uid');
is($data->{token_type}, 'Bearer', 'token_type');
ok(!exists $data->{mfa_required}, 'no second factor is asked for');
outcome(login($member, email => uc $member->{email}), 200, 102000, 'the case of the email does not matter');
my $again = login($member)->data;
outcome(client(token => $_)->get('/api/v1/members/me'), 200, 102000, 'each login is a session of its own')
    for $data->{access_token}, $again->{access_token};

# ---- 400
outcome(client()->post($path, 'x'), 400, 10101000, 'a body that is not JSON');
outcome(login($member, email => 'nobody'), 400, 10101000, 'a login with an email that is none');
outcome(login($member, password => 'x' x 129), 400, 10101000, 'a password that is too long to be one');
outcome(login($member, password => undef), 400, 10104000, 'a login without a password');
outcome(login($member, tenant_slug => ''), 400, 10104000, 'a login with an empty tenant');

# ---- 401, told by nothing else
my $wrong = outcome(login($member, password => fresh_password()), 401, 28501000, 'a wrong password');
my $unknown = outcome(login($member, email => fresh_email()), 401, 28501000, 'an unknown email');
sub seen { my ($answer) = @_; return join "\n", $answer->json->{message}, join ',', grep { !/date|request-id/ } sort keys %{ $answer->headers } }
is(seen($unknown), seen($wrong), 'an unknown email gets the answer of a wrong password');

# ---- 403, after the right password only
for my $status (qw(pending suspended)) {
    set_status($status);
    outcome(login($member), 403, 28505000, "$status, right password");
    outcome(login($member, password => fresh_password()), 401, 28501000, "$status, wrong password");
}
set_status('active');
server()->ctl(qw(tenant set --slug), $tenant->{slug}, qw(--login off));
outcome(login($member), 403, 28505000, 'the tenant allows no login');
server()->ctl(qw(tenant set --slug), $tenant->{slug}, qw(--login on));

# ---- 404
outcome(login($member, tenant_slug => 'nobody-knows'), 404, 29301000, 'no such tenant');
my $other = tenant();
outcome(login($member, tenant_slug => $other->{slug}), 401, 28501000, "another tenant's member");

local_hashes() if provider() eq 'local';
finish();

# What only hashes in our own database can be: missing, damaged, or made with other parameters.
sub local_hashes {
    my $bare = register_member(tenant => $tenant);
    server()->psql("DELETE FROM cloudep.credentials WHERE uid = :'uid'", uid => $bare->{uid});
    is(seen(outcome(login($bare), 401, 28501000, 'an account with no password')), seen($wrong), 'an account with no password gets the answer of a wrong password');
    server()->psql("UPDATE cloudep.credentials SET phc = 'none' WHERE uid = :'uid'", uid => $member->{uid});
    expect_log(qr/checking the password failed/);
    outcome(login($member), 500, 28601000, 'a hash that cannot be');

    my $renewed = register_member(tenant => $tenant);
    my $hash = "SELECT phc FROM cloudep.credentials WHERE uid = :'uid'";
    like(server()->value($hash, uid => $renewed->{uid}), qr/^\$argon2id\$v=19\$m=7168,t=1,p=1\$/, 'a PHC string');
    my $stronger = own_server(values => { CloudEPPasswordPasses => 2 })->start;
    outcome(login({ %$renewed, client => client(server => $stronger) }), 200, 102000, 'a login with other parameters');
    like(server()->value($hash, uid => $renewed->{uid}), qr/t=2/, 'renews the hash');
    outcome(login($renewed), 200, 102000, 'the renewed hash is of the same password');
}
