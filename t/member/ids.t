# Ids in paths: nothing of another member's, in the own tenant or in another one, can be reached by one. Every operation
# of the tables that has an id in its path has to be in the table here: what the id is of, and what is looked at.
use strict;
use warnings;
use CloudEP::Source qw(described);
use CloudEP::Test;
use CloudEP::Totp;

my $server = server;
my $NOBODY = '00000000-0000-4000-8000-000000000000';

# "METHOD path" => {
#     make   => makes what the id is of, for a member; returns the id
#     state  => what there is of it, of the member's; the same before and after the tries of others
#     body   => of the request, or undef
#     code   => of the answer to whoever it is not of, 404
#     own    => status of the answer to its member
# }
my %OPERATIONS = (
    'DELETE /api/v1/members/me/identities/{id}' => {
        make => sub {
            my ($member) = @_;
            $server->psql("UPDATE cloudep.members SET ways_in = ways_in + 1 WHERE uid = :'uid'", uid => $member->{uid});
            return $server->value("INSERT INTO cloudep.identities (tenant_id, uid, issuer, subject) SELECT tenant_id, uid, 'https://login.example', uid"
                    . " FROM cloudep.members WHERE uid = :'uid' RETURNING id", uid => $member->{uid});
        },
        state => sub { rows('identities', @_) }, code => 29301000, own => 200,
    },
    'DELETE /api/v1/members/me/sessions/{id}' => {
        make => sub {
            my ($member) = @_;
            my $token = login($member)->data->{access_token} // login_with_factor($member);
            my $sessions = $member->{client}->with(token => $token)->get('/api/v1/members/me/sessions')->data->{sessions};
            return (map { $_->{id} } grep { $_->{current} } @$sessions)[0];
        },
        state => sub { rows('sessions', @_) }, code => 29301000, own => 200,
    },
    'PATCH /api/v1/members/me/passkeys/{id}' => {
        make => \&passkey, state => sub { rows('passkeys', @_) }, code => 29301000, own => 200, body => { name => 'Another' },
    },
    'DELETE /api/v1/members/me/passkeys/{id}' => {
        make => \&passkey, state => sub { rows('passkeys', @_) }, code => 29301000, own => 200,
    },
);

# A passkey by SQL, beside a password.
sub passkey {
    my ($member) = @_;
    $server->psql("UPDATE cloudep.members SET ways_in = ways_in + 1 WHERE uid = :'uid'", uid => $member->{uid});
    return $server->value("INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count, backup_eligible, backed_up, aaguid, name)"
            . " SELECT tenant_id, uid, gen_random_uuid(), 'AA', -7, 0, false, false, '00000000-0000-0000-0000-000000000000', 'Key' FROM cloudep.members"
            . " WHERE uid = :'uid' RETURNING id", uid => $member->{uid});
}

sub login_with_factor {
    my ($member) = @_;
    totp_rewind($server, $member);
    return $member->{client}->with(token => undef)->post('/api/v1/auth/login', {
            challenge_id => login($member)->data->{mfa_challenge_id}, mfa_code => totp_code($member->{totp}),
    })->data->{access_token};
}

# The member's row of that id, but for what every request may note.
sub rows {
    my ($table, $member, $id) = @_;
    my $row = $server->value("SELECT to_jsonb(one) - 'seen_at' FROM cloudep.$table AS one WHERE uid = :'uid' AND id = :'id'::uuid",
        uid => $member->{uid}, id => $id);
    return $row // die "there is no row of $table\n";
}

my @found = map { "$_->{method} $_->{prefix}$_->{path}" } grep { $_->{path} =~ /\{/ } described('operations');
cmp_ok(scalar @found, '>', 0, 'there are operations with an id in their path');
is_deeply([sort @found], [sort keys %OPERATIONS], 'each of them, and no other, is in the table of this test');

my $home = tenant();
my ($member, $neighbour) = map { totp_enroll(register_member(tenant => $home), $server) } 1 .. 2;
my $stranger = totp_enroll(register_member(tenant => tenant()), $server);
$server->psql("UPDATE cloudep.sessions SET mfa_at = now() WHERE uid = :'uid'", uid => $_->{uid}) for $member, $neighbour, $stranger;
for my $name (grep { $OPERATIONS{$_} } sort @found) {
    my ($method, $pattern) = split / /, $name;
    my $operation = $OPERATIONS{$name};
    my $id = $operation->{make}->($member);
    my $before = $operation->{state}->($member, $id);
    my $ask = sub {
        my ($client, $as) = @_;
        return $client->request($method, $pattern =~ s/\{id\}/$as/r, $operation->{body});
    };
    for my $other (["a member of the same tenant", $neighbour], ['a member of another tenant', $stranger]) {
        my ($who, $someone) = @$other;
        my $denied = outcome($ask->($someone->{client}, $id), 404, $operation->{code}, "$name: $who");
        my $unknown = outcome($ask->($someone->{client}, $NOBODY), 404, $operation->{code}, "$name: $who, of nobody's");
        is($denied->json->{reason}, $unknown->json->{reason}, "$name: $who is not told whether there is one");
        outcome($ask->($someone->{client}, uc $id), 404, $operation->{code}, "$name: $who, in capitals");
    }
    is($ask->(client, $id)->status, 401, "$name: nobody without a token");
    is($operation->{state}->($member, $id), $before, "$name: nothing has changed");
    is($ask->($member->{client}, $id)->status, $operation->{own}, "$name: its member can");
}

finish();
