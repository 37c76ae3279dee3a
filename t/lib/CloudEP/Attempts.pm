package CloudEP::Attempts;

# Two people at one address: what either of them typed is the member's only with the code that was mailed for it. The
# same with each identity provider, and with CloudEPConcealAccounts.
#
#     two_people(server => $server, tenant => $tenant, concealed => 0);

use strict;
use warnings;
use CloudEP::Challenge;
use CloudEP::Test;
use Exporter 'import';

our @EXPORT = qw(attempt_register attempt_resume attempt_resend attempt_confirm two_people late_mail);

my $path = '/api/v1/auth';

# One attempt: { challenge_id, uid, code, password, email, slug, answer }; code: of the mail that came for it.
sub attempt {
    my ($at, $answer, $sent, $mails) = @_;
    return { answer => $answer, %$sent, uid => $answer->data->{uid}, challenge_id => $answer->data->{challenge_id},
        slug => $at->{tenant}{slug}, client => client(server => $at->{server}),
        code => secret($at->{server}->mail_code($sent->{email}, $mails)) };
}

sub mails { my ($at, $email) = @_; return scalar $at->{server}->mails_now($email) }

sub attempt_register {
    my ($at, %fields) = @_;
    my ($answer, $sent) = register(client => client(server => $at->{server}), tenant => $at->{tenant}, %fields);
    return attempt($at, $answer, $sent, ($fields{mails} // 0) + 1);
}

# mails: how many the address has got so far.
sub attempt_resume {
    my ($at, $email, %fields) = @_;
    my $mails = mails($at, $email);
    my %sent = (tenant_slug => $at->{tenant}{slug}, email => $email, %fields);
    my $answer = outcome(client(server => $at->{server})->post("$path/register/resume", \%sent), 200, 102000, 'resume');
    return attempt($at, $answer, \%sent, $mails + 1);
}

sub attempt_resend {
    my ($at, $attempt) = @_;
    my $mails = mails($at, $attempt->{email});
    my $answer = outcome($attempt->{client}->post("$path/register/resend",
            { tenant_slug => $attempt->{slug}, challenge_id => $attempt->{challenge_id} }), 200, 102000, 'resend');
    return attempt($at, $answer, { map { $_ => $attempt->{$_} } qw(email password display_name) }, $mails + 1);
}

sub attempt_confirm {
    my ($attempt) = @_;
    return $attempt->{client}->post("$path/register/confirm",
        { tenant_slug => $attempt->{slug}, challenge_id => $attempt->{challenge_id}, code => $attempt->{code} });
}

sub row {
    my ($at, $email) = @_;
    my ($row) = @{ $at->{server}->psql("SELECT uid, status, coalesce(display_name, '-'), coalesce(terms_version, '-'), marketing_opt_in,"
                . " coalesce(language, '-') FROM cloudep.members WHERE email = :'email'", email => $email) };
    return join ' ', @{ $row // ['none'] };
}

sub left {
    my ($at, $email) = @_;
    return $at->{server}->value("SELECT count(*) FROM cloudep.registration_attempts WHERE email = :'email'", email => $email);
}

# A stranger who registers first, as strangers do.
sub stranger {
    my ($at) = @_;
    my $theirs = attempt_register($at, display_name => 'Mallory', language => 'zh-TW', accept_terms_version => 'theirs',
        marketing_opt_in => JSON::PP::true);
    return ($theirs, $theirs->{email});
}

# What the owner of the address does then: registers, in vain unless nobody may tell, and resumes.
sub owner {
    my ($at, $email, %fields) = @_;
    if ($at->{concealed}) {
        my $mails = mails($at, $email);
        my ($answer, $sent) = register(client => client(server => $at->{server}), tenant => $at->{tenant}, email => $email,
            display_name => 'Olivia', %fields);
        return attempt($at, outcome($answer, 200, 102000, 'the owner registers'), $sent, $mails + 1);
    }
    my ($refused) = register(client => client(server => $at->{server}), tenant => $at->{tenant}, email => $email, %fields);
    outcome($refused, 409, 28303000, 'the owner cannot register');
    is($refused->json->{reason}, 'registration_pending', 'and is told to resume');
    return attempt_resume($at, $email, %fields);
}

sub two_people {
    my (%at) = @_;
    my $at = \%at;
    my %mine = (accept_terms_version => 'mine');

    # ---- the owner's code: nothing of the stranger's is left
    my ($theirs, $email) = stranger($at);
    my $mine = owner($at, $email, password => fresh_password(), %mine);
    isnt($mine->{challenge_id}, $theirs->{challenge_id}, 'each has a challenge of their own');
    my ($unproven, $others) = (login($theirs), login($mine));
    if ($at->{concealed}) {
        outcome($_, 401, 28501000, 'a password that nobody has proved') for $unproven, $others;
    }
    else {
        outcome($unproven, 403, 28505000, 'the password of the first attempt is unproven');
        is($unproven->json->{reason}, 'email_unconfirmed', 'and that is told to whoever typed it');
        outcome($others, 401, 28501000, 'that of another attempt is none');
    }
    my $data = outcome(attempt_confirm($mine), 200, 102000, "the owner's code")->data;
    is($data->{uid}, $mine->{uid}, 'the uid is that of the attempt');
    is_deeply([grep { /required/ } keys %$data], [], 'nothing is missing');
    my $name = $at->{concealed} ? 'Olivia' : '-';
    is(row($at, $email), "$mine->{uid} active $name mine f -", 'the member has what the owner typed');
    outcome(login($mine), 200, 102000, "the owner's password");
    outcome(login($theirs), 401, 28501000, "the stranger's is nobody's");
    outcome(attempt_confirm($theirs), 409, 28309000, "the stranger's code is worth nothing");
    is(left($at, $email), 0, 'no attempt is left');

    # ---- the stranger's code: it is theirs, as if nobody else had come
    ($theirs, $email) = stranger($at);
    $mine = owner($at, $email, password => fresh_password(), %mine);
    outcome(attempt_confirm($theirs), 200, 102000, 'the code of the first attempt');
    is(row($at, $email), "$theirs->{uid} active Mallory theirs t zh-TW", 'gives the member what was typed for it');
    outcome(login($theirs), 200, 102000, 'its password');
    outcome(login($mine), 401, 28501000, "and not the other one's");
    outcome(attempt_confirm($mine), 409, 28309000, 'whose code is too late');

    # ---- the owner gives nothing, and is told what is missing
    ($theirs, $email) = stranger($at);
    $mine = attempt_resume($at, $email);
    my $answer = outcome(attempt_confirm($mine), 200, 102000, 'an attempt without a password');
    ok($answer->data->{$_}, "$_ is told") for qw(password_required terms_required);
    is(row($at, $email), "$mine->{uid} active - - f -", 'and the member has nothing of the other attempt');
    outcome(login($theirs), 401, 28501000, 'nor its password');
    my $me = client(server => $at->{server}, token => $answer->data->{access_token});
    outcome($me->patch('/api/v1/members/me', { accept_terms_version => 'late' }), 200, 102000, 'terms are accepted afterwards');
    is(row($at, $email), "$mine->{uid} active - late f -", 'as is stored');
    is($at->{server}->value("SELECT terms_accepted_at > activated_at FROM cloudep.members WHERE email = :'email'", email => $email), 't',
        'with the time');
    outcome($me->patch('/api/v1/members/me', { display_name => 'Olivia' }), 200, 102000, 'another change');
    is(row($at, $email), "$mine->{uid} active Olivia late f -", 'leaves them');

    # ---- with one of the two
    ($theirs, $email) = stranger($at);
    $mine = attempt_resume($at, $email, password => fresh_password());
    $data = outcome(attempt_confirm($mine), 200, 102000, 'an attempt without terms')->data;
    is_deeply([grep { /required/ } sort keys %$data], ['terms_required'], 'lacks the terms only');
    outcome(login($mine), 200, 102000, 'its password logs in');

    # ---- three attempts, the middle one confirmed; a new code goes to the attempt that asks for it
    ($theirs, $email) = stranger($at);
    my @attempts = map { attempt_resume($at, $email, password => fresh_password(), %mine) } 1 .. 2;
    my $again = attempt_resend($at, $attempts[0]);
    is($again->{challenge_id}, $attempts[0]{challenge_id}, 'a new code keeps the challenge');
    is($again->{uid}, $attempts[0]{uid}, 'and the attempt');
    outcome(attempt_confirm($attempts[0]), 403, 29505000, 'the old code is dead') if $again->{code} ne $attempts[0]{code};
    outcome(attempt_confirm($again), 200, 102000, 'the new one confirms');
    outcome(login($attempts[0]), 200, 102000, 'with its password');
    outcome(attempt_confirm($_), 409, 28309000, 'no other code does any more') for $theirs, $attempts[1];
    return;
}

# The code comes after its time: asking again by the challenge costs nothing of what was typed.
sub late_mail {
    my (%at) = @_;
    my $at = \%at;
    my $late = attempt_register($at, display_name => 'Olivia');
    challenge_expire($at->{server}, $late->{challenge_id});
    outcome(attempt_confirm($late), 404, 29301000, 'the code has expired');
    my $again = attempt_resend($at, $late);
    is($again->{uid}, $late->{uid}, 'its attempt has not');
    my $data = outcome(attempt_confirm($again), 200, 102000, 'the next code confirms it')->data;
    is_deeply([grep { /required/ } keys %$data], [], 'with all that was typed');
    is(row($at, $late->{email}), "$late->{uid} active Olivia 2026-01 f -", 'as is stored');
    outcome(login($late), 200, 102000, 'and its password');
    outcome($late->{client}->post("$path/register/resend", { tenant_slug => $late->{slug}, challenge_id => $again->{challenge_id} }),
        404, 29301000, 'after that there is nothing to send again');
    return;
}

1;
