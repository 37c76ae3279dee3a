package CloudEP::Soak::Judge;

# Compares what the actors of the ledger test were told with what is there: the promises of which design section 5 speaks.

use strict;
use warnings;
use CloudEP::Process qw(slurp wait_until);
use CloudEP::Secrets;
use JSON::PP ();

# The longest time that service may take to be back after a fault, and the longest an answer may take, in seconds.
our ($RECOVERY, $BOUND) = (6, 15);

# server, faults => CloudEP::Soak::Faults, client => CloudEP::Client, files => [ledgers]
sub new {
    my ($class, %self) = @_;
    my $self = bless \%self, $class;
    for my $line (map { split /\n/, slurp($_) } @{ $self->{files} }) {
        my $entry = JSON::PP::decode_json($line);
        push @{ $self->{ $entry->{kind} } }, $entry;
    }
    $self->{$_} ||= [] for qw(request violation member);
    $self->{found} = [map { $_->{text} } @{ $self->{violation} }];
    return $self;
}

sub found { my ($self, $text) = @_; push @{ $self->{found} }, $text }

sub violations { @{ $_[0]{found} } }

# Sums up the requests, and asks a fault to account for each that failed.
sub requests {
    my ($self) = @_;
    my %sum = (recovery => 0, longest => 0, count => scalar @{ $self->{request} });
    for my $request (@{ $self->{request} }) {
        my $took = $request->{to} - $request->{from};
        $sum{longest} = $took if $took > $sum{longest};
        my $cost = $request->{status} == 0 ? 'unanswered' : $request->{status} >= 500 ? 'failed' : 'answered';
        $sum{$cost}++;
        $sum{status}{ $request->{status} }++;
        $sum{done}{ $request->{operation} }++ if $request->{status} == 200 || $request->{status} == 204;
        my $what = sprintf '%s at %.1f: %s after %.1f s', $request->{operation}, $request->{from}, $request->{status}
            ? "$request->{status} $request->{code}" : "no answer ($request->{error})", $took;
        $self->found("too late: $what") if $took > $BOUND;
        next if $cost eq 'answered';
        my $fault = $self->{faults}->explains($cost, $request, $RECOVERY);
        if (!$fault) {
            $self->found("no fault explains $what");
        }
        elsif ($request->{from} - $fault->{to} > $sum{recovery}) {
            $sum{recovery} = $request->{from} - $fault->{to};
        }
    }
    return \%sum;
}

sub rows { my ($self, $sql) = @_; return @{ $self->{server}->psql($sql) } }

# Promises that the database alone can break.
sub database {
    my ($self) = @_;
    my %broken = (
        'an invite counts other uses than it has members' => 'SELECT i.code, i.uses, count(m.uid) FROM cloudep.invites i LEFT'
            . ' JOIN cloudep.members m ON m.tenant_id = i.tenant_id AND m.invite_id = i.id GROUP BY i.code, i.uses, i.max_uses'
            . ' HAVING i.uses <> count(m.uid) OR count(m.uid) > i.max_uses',
        'a registration is half done' => "SELECT email, status FROM cloudep.members WHERE status IN ('reserved', 'deleting')",
        'a confirmation opened two sessions' => "SELECT uid, count(*) FROM cloudep.sessions WHERE amr = 'otp' GROUP BY uid HAVING count(*) > 1",
        'a member has no password' => "SELECT m.email FROM cloudep.members m LEFT JOIN cloudep.credentials c USING (tenant_id, uid) WHERE c.uid IS NULL AND m.provider = 'local' AND NOT m.password_due",
        'a session has no member' => 'SELECT s.id FROM cloudep.sessions s LEFT JOIN cloudep.members m USING (tenant_id, uid) WHERE m.uid IS NULL',
        'a mail was given up' => 'SELECT target, template, last_error FROM cloudep.outbox WHERE failed_at IS NOT NULL AND expires_at > now()',
    );
    for my $what (sort keys %broken) {
        $self->found("$what: " . join ' ', map { $_ // 'NULL' } @$_) for $self->rows($broken{$what});
    }
}

# An outside provider's users are our members, no more and no less, once the sweep has been there. A pending member's
# row notes who may be there.
sub provider {
    my ($self, $zitadel) = @_;
    my ($there, $here);
    wait_until(40, sub {
            $there = join ' ', sort map { $_->{userId} } $zitadel->users;
            my %may = map { $_->[0] => $_->[1] } $self->rows("SELECT uid, status <> 'pending' FROM cloudep.members"
                    . " UNION SELECT unnest(provider_uids), false FROM cloudep.members WHERE status = 'pending'");
            my %is = map { $_ => 1 } split / /, $there;
            $here = join ' ', sort keys %may;
            return !(grep { !$may{$_} } keys %is) && !(grep { $may{$_} eq 't' && !$is{$_} } keys %may);
    }) or $self->found("the provider's users are not our members: $there / $here");
}

# What each member was told is there.
sub members {
    my ($self) = @_;
    my %member = map { $_->[0] => $_ } $self->rows('SELECT m.email, m.uid, m.status, o.enrolled_at IS NOT NULL, coalesce(o.last_step, 0)'
            . ' FROM cloudep.members m LEFT JOIN cloudep.totp o USING (tenant_id, uid)');
    my %session = map { $_->[0] => $_ } $self->rows('SELECT id, uid, revoked_at IS NOT NULL FROM cloudep.sessions');
    my $sessions = 0;
    for my $told (grep { $_->{uid} } @{ $self->{member} }) {
        my $there = $member{ $told->{email} };
        if (!$there) {
            $self->found("lost: member $told->{email} ($told->{status})");
            next;
        }
        my (undef, $uid, $status, $enrolled, $step) = @$there;
        $self->found("$told->{email} has another uid") if $uid ne $told->{uid};
        $self->found("lost: $told->{email} was active and is $status") if $told->{status} eq 'active' && $status ne 'active';
        $self->found("lost: the second factor of $told->{email}") if ($told->{enrolled} // '') eq 'yes' && $enrolled ne 't';
        $self->found("lost: a used step of $told->{email}") if ($told->{enrolled} // '') eq 'yes' && $step < $told->{used_step};
        for my $known (values %{ $told->{sessions} }) {
            $sessions++;
            my $row = $session{ $known->{id} };
            my $state = !$row ? 'missing' : $row->[2] eq 't' ? 'ended' : 'live';
            $self->found("lost: a session of $told->{email} was $known->{state} and is $state")
                if $state eq 'missing' || $known->{state} ne 'unknown' && $known->{state} ne $state;
        }
    }
    return (scalar(grep { $_->{uid} } @{ $self->{member} }), $sessions);
}

# What the server says of them now: ended sessions are refused, the others go on, the last password is the right one.
sub service {
    my ($self, $limit) = @_;
    my @members = grep { ($_->{status} // '') eq 'active' && @{ $_->{password} } == 1 } @{ $self->{member} };
    splice @members, 0, @members - $limit if @members > $limit;
    my $client = $self->{client};
    for my $told (@members) {
        my $login = $client->post('/api/v1/auth/login', { tenant_slug => $told->{slug}, email => $told->{email}, password => $told->{password}[0] });
        $self->found("lost: the password of $told->{email}: " . $login->body) if $login->status != 200;
        for my $known (values %{ $told->{sessions} }) {
            my $me = $client->get('/api/v1/members/me', Authorization => "Bearer $known->{access}")->status;
            my %right = (live => [200], ended => [401], unknown => [200, 401]);
            $self->found("a session of $told->{email} that is $known->{state} answers $me") if !grep { $_ == $me } @{ $right{ $known->{state} } };
            my $refresh = $client->post('/api/v1/auth/token/refresh', { refresh_token => $known->{refresh} });
            $self->found("the refresh token of a $known->{state} session of $told->{email} answers " . $refresh->body)
                if !grep { $_ == $refresh->status } @{ $right{ $known->{state} } };
        }
    }
    return scalar @members;
}

# No secret anywhere, and no crash but those that were ordered. Returns how many secrets were looked for, and where.
sub leavings {
    my ($self, $folder) = @_;
    for my $told (@{ $self->{member} }) {
        CloudEP::Secrets::note("$folder/secrets", $_) for @{ $told->{password} // [] }, @{ $told->{backup} // [] };
    }
    my $secrets = CloudEP::Secrets->new("$folder/secrets");
    my @places = $secrets->search($self->{server}, "$folder/services.log");
    for my $place (@places) {
        my ($where, undef, @there) = @$place;
        $self->found("a secret in $where: $_") for @there;
    }
    $self->found("a core file: $_") for CloudEP::Secrets::cores($folder);
    $self->crashes;
    return ($secrets->count, @places);
}

sub crashes {
    my ($self) = @_;
    my $log = $self->{server}->log;
    my @died = grep { /exit signal/ && !/Killed/ || /AddressSanitizer|runtime error:|Assertion|stack smashing|double free|malloc\(\)/ } split /\n/, $log;
    $self->found("crash: $_") for @died;
    my $killed = () = $log =~ /exit signal Killed/g;
    my $ordered = $self->{faults}->count('child killed');
    $self->found("$killed children were killed, $ordered by this test") if $killed > $ordered;
}

1;
