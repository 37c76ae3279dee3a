# The ZITADEL stand-in's API is what the protocol sheet says of ZITADEL: statuses, codes and ids of users, sessions,
# permissions and policies.
use strict;
use warnings;
use CloudEP::OIDC;
use File::Temp qw(tempdir);
use Test::More;

my $dir = tempdir(CLEANUP => 1);
my $zitadel = CloudEP::OIDC->new(peer => 'zitadel', run => $dir, log => "$dir/log")->start;
my %ready = %{ $zitadel->ready };
my $GOOD = 'Secr3tP4ssw0rd!';
my $n = 0;

# The body of a create; %more goes over it.
sub human {
    my (%more) = @_;
    my $email = 'person' . ++$n . '@example.com';
    return { organization => { orgId => $ready{org_id} }, profile => { givenName => 'A', familyName => 'B' },
        email => { email => $email, isVerified => JSON::PP::false }, password => { password => $GOOD }, %more };
}

sub create { my (%more) = @_; return $zitadel->api(POST => '/v2/users/human', human(%more)) }
sub new_id { return create(@_)->{json}{userId} }

sub login {
    my ($id, $password) = @_;
    return $zitadel->api(POST => '/v2/sessions', { checks => { user => { userId => $id }, password => { password => $password // $GOOD } } });
}

# The answer is this error: HTTP status, gRPC code and id (undef: no details).
sub refused {
    my ($answer, $status, $code, $id, $name) = @_;
    my $json = $answer->{json} // {};
    my $id_seen = ref $json->{details} eq 'ARRAY' ? $json->{details}[0]{id} : undef;
    is_deeply([$answer->{status}, $json->{code}, $id_seen], [$status, $code, $id], $name)
        or diag($answer->{body});
    return $json;
}

sub accepted {
    my ($answer, $status, $name) = @_;
    is($answer->{status}, $status, $name) or diag($answer->{body});
    return $answer->{json};
}

subtest 'host, token and permission' => sub {
    my $path = '/v2/users/' . new_id();
    my $wrong = refused($zitadel->api(GET => $path, undef, Host => 'other.example'), 404, 5, undef, 'an unknown host');
    like($wrong->{message}, qr/unable to set instance/, 'which is not "user not found"');
    accepted($zitadel->api(GET => $path, undef, Host => 'internal', 'x-zitadel-instance-host' => "127.0.0.1:$ready{port}"), 200,
        'the instance header wins over Host');
    refused($zitadel->api(GET => '/v2/nothing'), 404, 5, undef, 'no route');
    refused($zitadel->api(PUT => '/v2/sessions'), 405, 12, undef, 'a wrong method');
    refused($zitadel->api(POST => '/v2/sessions', '{', 'Content-Type' => 'application/json'), 400, 3, undef,
        'bad JSON');
    refused($zitadel->call(GET => $path), 401, 16, undef, 'no token');
    my $bad = $zitadel->api(GET => $path, undef, token => 'x');
    refused($bad, 401, 16, 'AUTH-7fs1e', 'an unknown token');
    like($bad->{headers}->header('WWW-Authenticate'), qr/AUTH-7fs1e/, 'WWW-Authenticate holds the message');
    refused($zitadel->call(GET => $path, undef, Authorization => 'Basic eDp5'), 401, 16, 'AUTH-toLo1',
        'another scheme');
    refused($zitadel->api(GET => $path, undef, 'x-zitadel-orgid' => '1'), 403, 7, 'AUTH-Bs7Ds',
        'an unknown context organisation');

    # who => [create, session, delete]
    my %may = (gateway => [200, 201, 200], owner => [200, 201, 200], login_client => [200, 201, 403], user_manager => [200, 403, 200],
        no_role => [403, 403, 403], no_membership => [404, 404, 404]);
    for my $who (sort keys %may) {
        my %token = (token => $ready{pats}{$who});
        my @did = (
            $zitadel->api(POST => '/v2/users/human', human(), %token),
            $zitadel->api(POST => '/v2/sessions', { checks => { user => { userId => new_id() } } }, %token),
            $zitadel->api(DELETE => '/v2/users/' . new_id(), undef, %token));
        is_deeply([map { $_->{status} } @did], $may{$who}, "$who may create, check and delete as its roles say");
        refused($did[0], 403, 7, 'AUTH-5mWD2', 'no permission on a declared one') if $who eq 'no_role';
        refused($did[1], 403, 7, 'AUTH-AWfge', 'no permission in the command') if $who eq 'no_role';
        refused($did[0], 404, 5, 'AUTHZ-cdgFk', 'no membership') if $who eq 'no_membership';
    }
    my %owner = (token => $ready{pats}{org_owner});
    accepted($zitadel->api(POST => '/v2/users/human', human(), %owner), 200,
        'an ORG_OWNER creates in its organisation');
    refused($zitadel->api(POST => '/v2/users/human', human(organization => { orgId => $ready{orgs}{b} }), %owner), 403, 7, 'AUTH-5mWD2',
        'and not in another');
};

subtest 'creating users' => sub {
    my $body = human(userId => 'my-own-id', unknownField => { x => 1 });
    my $made = accepted($zitadel->api(POST => '/v2/users/human', $body), 200,
        'created under our id; unknown fields do not matter');
    is($made->{userId}, 'my-own-id', 'the id is ours');
    is($made->{details}{resourceOwner}, $ready{org_id}, 'in the organisation of the body');
    like($made->{details}{sequence}, qr/^\d+$/, 'uint64 ...');
    like($zitadel->api(GET => '/v2/users/my-own-id')->{body}, qr/"sequence":"\d+"/, '... is a JSON string');
    like($made->{details}{creationDate}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/, 'RFC 3339 time');
    refused($zitadel->api(POST => '/v2/users/human', $body), 400, 9, 'COMMAND-7yiox1isql', 'the same id again');
    my $taken = refused($zitadel->api(POST => '/v2/users/human', { %$body, userId => 'other', email => { email => uc $body->{email}{email} } }),
        409, 6, 'V3-DKcYh', 'the same name, in capitals');
    like($taken->{message}, qr/User already exists \(V3-DKcYh\)/, 'says so');
    my $elsewhere = { %$body, userId => 'third', organization => { orgId => $ready{orgs}{b} } };
    refused($zitadel->api(POST => '/v2/users/human', $elsewhere), 409, 6, 'V3-DKcYh',
        'names are unique in the whole instance');
    $zitadel->state(username_scope => 'org');
    accepted($zitadel->api(POST => '/v2/users/human', $elsewhere), 200, 'unless they are scoped by organisation');
    refused($zitadel->api(POST => '/v2/sessions', { checks => { user => { loginName => $body->{email}{email} } } }), 404, 5, 'QUERY-Dfbg2',
        'and then the login name is ambiguous');
    $zitadel->state(username_scope => 'instance');

    my $id = new_id(orgId => $ready{orgs}{b}, organization => undef);
    is($zitadel->api(GET => "/v2/users/$id")->{json}{user}{details}{resourceOwner}, $ready{orgs}{service},
        'a misplaced orgId puts the user in the service account\'s organisation');
    refused(create(organization => { orgId => '1' }), 403, 7, 'AUTH-Bs7Ds', 'an unknown organisation');
    refused(create(profile => { givenName => 'A' }), 400, 3, undef, 'no family name');
    refused(create(profile => { givenName => ' ', familyName => 'B' }), 400, 3, 'USER-UCej2', 'a blank given name');
    refused(create(profile => { givenName => 'A', familyName => ' ' }), 400, 3, 'USER-4hB7d', 'a blank family name');
    refused(create(email => { email => 'kein@stra\x{df}e.de' }), 400, 3, 'EMAIL-599BI', 'an address that is not ASCII');
    refused(create(hashedPassword => { hash => '$argon2id$v=19$m=1,t=1,p=1$AA$AA' }, password => undef), 400, 3, 'USER-JDk4t',
        'a foreign hash');
    my $org = $zitadel->door(POST => 'orgs', { name => 'C', verified_domains => ['reserved.example'] });
    refused(create(username => 'x@reserved.example'), 400, 3, 'COMMAND-SFd21',
        'a domain that another organisation verified');
    accepted(create(username => 'x@reserved.example', organization => { orgDomain => 'reserved.example' }), 200,
        'which itself may use it');

    $zitadel->state(create_status => 201);
    accepted(create(), 201, 'the older status of create');
    $zitadel->state(create_status => 200);
    my $human = human();
    delete @$human{qw(organization)};
    my $new = accepted($zitadel->api(POST => '/v2/users/new', { organizationId => $ready{org_id}, userId => 'by-new', human => $human }), 200,
        'POST /v2/users/new');
    is_deeply([sort keys %$new], [qw(creationDate id)], 'has another shape');
};

subtest 'who mails a code' => sub {
    my $mails = sub { scalar @{ $zitadel->door(GET => 'mails')->{mails} } };
    my $before = $mails->();
    create();
    is($mails->(), $before, 'isVerified false: nobody');
    like(create(email => { email => 'code@example.com', returnCode => {} })->{json}{emailCode}, qr/^[A-Z0-9]{6}$/,
        'returnCode: the code is ours');
    is($mails->(), $before, 'and not mailed');
    create(email => { email => 'mail@example.com' });
    is($mails->(), $before + 1, 'nothing said: ZITADEL mails');
};

subtest 'passwords' => sub {
    my %policy = ('Ab1!' => 'HuJf6', 'ABCDEFG1!' => 'co3Xw', 'abcdefg1!' => 'VoaRj', 'Abcdefgh!' => 'ZBv4H',
        'Abcdefgh1' => 'ZDLwA', 'ab' => 'HuJf6');
    my $id = new_id();
    for my $weak (sort keys %policy) {
        refused(create(password => { password => $weak }), 400, 3, "COMMA-$policy{$weak}", "create with $weak");
        my $set = $zitadel->api(POST => "/v2/users/$id/password", { newPassword => { password => $weak } });
        refused($set, 400, 3, "DOMAIN-$policy{$weak}", "set $weak");
    }
    my $han = "Aa1\x{5bc6}\x{7801}\x{5bc6}";
    accepted(create(password => { password => $han }), 200, 'a Chinese character is a symbol, and length counts bytes');
    my $long = 'Aa1!' . ('x' x 68);
    my $long_id = accepted(create(password => { password => $long }), 200, '72 bytes')->{userId};
    accepted(login($long_id, $long . 'whatever'), 201, 'only the first 72 bytes are compared');
    refused(create(password => { password => $long . 'x' }), 500, 2, undef, '73 bytes cannot be created');
    refused(create(password => { password => 'Aa1!' . ("\x{5bc6}" x 23) }), 500, 2, undef,
        'nor 27 characters of 73 bytes');
    refused($zitadel->api(POST => "/v2/users/$id/password", { newPassword => { password => $long . 'x' } }), 500, 13, 'COMMAND-CahN2',
        'nor set');

    accepted($zitadel->api(POST => "/v2/users/$id/password", { newPassword => { password => $GOOD } }), 200,
        'the same password again is accepted');
    refused($zitadel->api(POST => '/v2/users/nobody/password', { newPassword => { password => $GOOD } }), 400, 9, 'COMMAND-G8dh3',
        'an unknown user is not 404');
    my $set = sub { $zitadel->api(POST => "/v2/users/$id/password", { newPassword => { password => $_[0] }, currentPassword => $_[1] }) };
    refused($set->('N3wPassw0rd!', 'wrong'), 400, 3, 'COMMAND-3M0fs', 'a wrong current password');
    refused($set->($GOOD, $GOOD), 400, 9, 'COMMAND-Aesh5', 'an unchanged password');
    accepted($set->('N3wPassw0rd!', $GOOD), 200, 'a changed one');
    accepted(login($id, 'N3wPassw0rd!'), 201, 'which works');
    refused(login($id), 400, 3, 'COMMAND-3M0fs', 'and the old one does not');
    my $reset = $zitadel->api(POST => "/v2/users/$id/password_reset", { returnCode => {} })->{json};
    my $by_code = { newPassword => { password => $GOOD }, verificationCode => $reset->{verificationCode} };
    accepted($zitadel->api(POST => "/v2/users/$id/password", $by_code), 200,
        'a password set by code');
    my $policy = $zitadel->api(GET => "/v2/settings/password/complexity?ctx.orgId=$ready{org_id}")->{json}{settings};
    is($policy->{minLength}, '8', 'the policy can be read');
    $zitadel->state(complexity => { requiresSymbol => JSON::PP::false });
    ok(!exists $zitadel->api(GET => '/v2/settings/password/complexity')->{json}{settings}{requiresSymbol},
        'what is false is absent');
    accepted(create(password => { password => 'Abcdefgh1' }), 200, 'the policy is a switch');
    $zitadel->state(complexity => { requiresSymbol => JSON::PP::true });
};

subtest 'reading and searching' => sub {
    my $body = human();
    my $id = $zitadel->api(POST => '/v2/users/human', $body)->{json}{userId};
    my $user = $zitadel->api(GET => "/v2/users/$id")->{json}{user};
    is($user->{state}, 'USER_STATE_ACTIVE', 'active at once');
    ok(!exists $user->{human}{email}{isVerified}, 'isVerified false is absent');
    refused($zitadel->api(GET => '/v2/users/nobody'), 404, 5, 'QUERY-Dfbg2', 'an unknown user');
    my $search = sub { $zitadel->api(POST => '/v2/users', { queries => [@_] })->{json} };
    my $email = $body->{email}{email};
    my $found = $search->({ emailQuery => { emailAddress => uc $email, method => 'TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE' } },
        { organizationIdQuery => { organizationId => $ready{org_id} } });
    is_deeply([$found->{details}{totalResult}, map { $_->{userId} } @{ $found->{result} }], ['1', $id], 'found');
    my $none = $search->({ emailQuery => { emailAddress => uc $email } });
    ok(!exists $none->{result} && !exists $none->{details}{totalResult},
        'none found: no result, no totalResult; the default is case-sensitive');
    my @either = ({ inUserIdsQuery => { userIds => [$id] } }, { userNameQuery => { userName => 'nobody' } });
    is(@{ $search->({ orQuery => { queries => \@either } })->{result} }, 1, 'or');
    ok(!exists $zitadel->api(POST => '/v2/users', {}, token => $ready{pats}{no_role})->{json}{result},
        'without permission there are no rows');
};

subtest 'verifying the address' => sub {
    my $body = human();
    my $id = $zitadel->api(POST => '/v2/users/human', $body)->{json}{userId};
    my $email = { email => $body->{email}{email}, isVerified => JSON::PP::true };
    my $verified = sub { $zitadel->api(GET => "/v2/users/$id")->{json}{user}{human}{email}{isVerified} };
    refused($zitadel->api(POST => "/v2/users/$id/email", $email), 400, 9, 'COMMAND-Uch5e', 'the same address by POST');
    ok(!$verified->(), 'is not verified by that');
    ok(accepted($zitadel->api(PATCH => "/v2/users/$id", { human => { email => $email } }), 200, 'PATCH')->{changeDate},
        'has a changeDate');
    ok($verified->(), 'is verified');
    accepted($zitadel->api(PATCH => "/v2/users/$id", { human => { email => $email } }), 200, 'PATCH again');
    my $other = new_id();
    accepted($zitadel->api(PUT => "/v2/users/human/$other", { email => { email => 'put@example.com', isVerified => JSON::PP::true } }), 200,
        'PUT');
    refused($zitadel->api(PATCH => '/v2/users/nobody', { human => { email => $email } }), 404, 5, 'COMMAND-ugjs0upun6',
        'an unknown user');
    refused($zitadel->api(POST => "/v2/users/$other/email/resend", {}), 400, 9, 'EMAIL-5w5ilin4yt',
        'resend without a code');
    my $code = $zitadel->api(POST => "/v2/users/$other/email/send", { returnCode => {} })->{json}{verificationCode};
    refused($zitadel->api(POST => "/v2/users/$other/email/verify", { verificationCode => 'WRONG1' }), 400, 3, 'COMMAND-eis9R',
        'a wrong code');
    accepted($zitadel->api(POST => "/v2/users/$other/email/verify", { verificationCode => $code }), 200,
        'the right code');
};

subtest 'states and deletion' => sub {
    my $body = human(userId => 'gone');
    $zitadel->api(POST => '/v2/users/human', $body);
    my $post = sub { $zitadel->api(POST => "/v2/users/gone/$_[0]", {}) };
    refused($post->('unlock'), 400, 9, 'COMMAND-olb9vb0oca', 'unlock what is not locked');
    accepted($post->('lock'), 200, 'lock');
    refused(login('gone'), 400, 9, 'SESSION-Gj4ko', 'a locked user');
    accepted($zitadel->api(POST => '/v2/users/gone/password', { newPassword => { password => $GOOD } }), 200,
        'a new password');
    refused(login('gone'), 400, 9, 'SESSION-Gj4ko', 'does not unlock');
    accepted($post->('unlock'), 200, 'unlock');
    accepted(login('gone'), 201, 'does');
    accepted($post->('deactivate'), 200, 'deactivate');
    refused($post->('deactivate'), 400, 9, 'COMMAND-5gunjw0cd7', 'twice');
    is(refused(login('gone'), 400, 9, 'SESSION-Gj4ko', 'an inactive user')->{message}, 'Errors.User.NotActive (SESSION-Gj4ko)',
        'untranslated');
    accepted($post->('reactivate'), 200, 'reactivate');
    accepted($zitadel->api(DELETE => '/v2/users/gone'), 200, 'delete');
    refused($zitadel->api(DELETE => '/v2/users/gone'), 404, 5, 'COMMAND-bd4ir1mblj', 'twice');
    refused(login('gone'), 404, 5, 'QUERY-Dfbg2', 'a deleted user');
    accepted($zitadel->api(POST => '/v2/users/human', $body), 200, 'its id and name are free again');
};

subtest 'sessions' => sub {
    my $id = new_id();
    my $post = sub { $zitadel->api(POST => '/v2/sessions', { checks => { user => { userId => $id } }, @_ }) };
    my $session = accepted(login($id), 201, 'user and password');
    is_deeply([sort keys %$session], [qw(details sessionId sessionToken)], 'details, id and token');
    is($session->{details}{resourceOwner}, $ready{instance_id}, 'owned by the instance');
    my $wrong = refused(login($id, 'no'), 400, 3, 'COMMAND-3M0fs', 'a wrong password');
    like($wrong->{details}[0]{'@type'}, qr/zitadel\.v1\.CredentialsCheckError$/, 'has its own detail type');
    is($wrong->{details}[0]{failedAttempts}, 1, 'and counts');
    is(login($id, 'no')->{json}{details}[0]{failedAttempts}, 2, 'on');
    login($id);
    is(login($id, 'no')->{json}{details}[0]{failedAttempts}, 1, 'a right one starts the count again');
    refused(login('nobody'), 404, 5, 'QUERY-Dfbg2', 'an unknown user');
    refused(login(new_id(password => undef)), 400, 9, 'COMMAND-3nJ4t', 'a user without password');
    refused($post->(checks => { password => { password => $GOOD } }), 400, 9, 'COMMAND-Sfw3f',
        'a password without user');
    refused(login($id, ''), 400, 3, undef, 'an empty password');
    refused(login($id, 'x' x 201), 400, 3, undef, 'a password of 201 characters');
    refused($post->(lifetime => '0s'), 400, 3, undef, 'a lifetime of nothing');
    accepted(login(new_id(password => { password => $GOOD, changeRequired => JSON::PP::true })), 201,
        'a password that must change is not refused');
    my $name = $zitadel->api(GET => "/v2/users/$id")->{json}{user}{username};
    accepted($post->(checks => { user => { loginName => uc $name } }), 201, 'by login name, any case');

    my $path = "/v2/sessions/$session->{sessionId}";
    my $factors = $zitadel->api(GET => $path)->{json}{session}{factors};
    is_deeply([$factors->{user}{id}, $factors->{user}{organizationId}, exists $factors->{password}{verifiedAt}], [$id, $ready{org_id}, 1],
        'GET shows the factors');
    my $two = $post->()->{json};
    my $patched = accepted($zitadel->api(PATCH => "/v2/sessions/$two->{sessionId}", { checks => { password => { password => $GOOD } } }), 200,
        'in two steps');
    ok(!$patched->{sessionId} && $patched->{sessionToken} ne $two->{sessionToken},
        'each answer has a new token, PATCH no id');
    accepted($zitadel->api(DELETE => $path), 200, 'DELETE') for 1 .. 2;
    refused($zitadel->api(PATCH => $path, { checks => {} }), 400, 9, 'COMMAND-Hewfq', 'an ended session');
    my $short = $post->(lifetime => '0.05s')->{json}{sessionId};
    select undef, undef, undef, 0.1;
    refused($zitadel->api(PATCH => "/v2/sessions/$short", { checks => {} }), 400, 9, 'COMMAND-Hkl3d',
        'an expired session');
    my $before = @{ $zitadel->door(GET => 'sessions')->{sessions} };
    login($id, 'no');
    is(scalar @{ $zitadel->door(GET => 'sessions')->{sessions} }, $before, 'a failed check leaves no session');
};

subtest 'locking' => sub {
    $zitadel->state(max_password_attempts => 3);
    my $id = new_id();
    refused(login($id, 'no'), 400, 3, 'COMMAND-3M0fs', "wrong, time $_") for 1 .. 3;
    refused(login($id, 'no'), 400, 9, 'SESSION-Gj4ko', 'then locked');
    refused(login($id), 400, 9, 'SESSION-Gj4ko', 'for the right password too');
    is($zitadel->api(GET => "/v2/users/$id")->{json}{user}{state}, 'USER_STATE_LOCKED', 'the state shows it');
    my $race = new_id();
    $zitadel->state(lag => 5);
    login($race, 'no') for 1 .. 3;
    refused(login($race, 'no'), 400, 9, 'COMMAND-JLK35', 'while the projection does not know yet');
    $zitadel->state(lag => 0, max_password_attempts => 0);
    my $never = new_id();
    login($never, 'no') for 1 .. 12;
    accepted(login($never), 201, 'no limit: never locked');
};

subtest 'reads lag behind writes' => sub {
    $zitadel->state(lag => 2);
    my $id = new_id();
    refused(login($id), 404, 5, 'QUERY-Dfbg2', "session by id, read $_") for 1 .. 2;
    accepted(login($id), 201, 'then it is there');
    $id = new_id();
    my $search = sub { $zitadel->api(POST => '/v2/users', { queries => [{ inUserIdsQuery => { userIds => [$id] } }] })->{json}{result} };
    ok(!$search->(), 'search finds nothing yet');
    accepted($zitadel->api(GET => "/v2/users/$id"), 200, 'GET by id brings the projection up to date');
    is(@{ $search->() }, 1, 'so search finds it');
    my $body = human();
    $zitadel->api(POST => '/v2/users/human', $body);
    accepted($zitadel->api(POST => '/v2/sessions', { checks => { user => { loginName => $body->{email}{email} } } }), 201,
        'by login name it does not lag');
    $zitadel->state(lag => 1, lag_get => JSON::PP::true);
    refused($zitadel->api(GET => '/v2/users/' . new_id()), 404, 5, 'QUERY-Dfbg2', 'GET lags when told to');
    $zitadel->state(lag => 0, lag_get => JSON::PP::false);
};

subtest 'languages and versions' => sub {
    my $id = new_id();
    my $german = $zitadel->api(POST => '/v2/sessions', { checks => { user => { userId => 'x' } } }, 'Accept-Language' => 'de-CH');
    is($german->{json}{message}, 'Benutzer konnte nicht gefunden werden (QUERY-Dfbg2)', 'Accept-Language');
    $zitadel->state(language => 'zh', wrong_password_id => 'COMMAND-SAF3g', failed_attempts => JSON::PP::false);
    my $wrong = refused(login($id, 'no'), 400, 3, 'COMMAND-SAF3g', 'the id of an older version');
    unlike($wrong->{message}, qr/[A-Za-z ]{8}/, 'text in Chinese');
    ok(!exists $wrong->{details}[0]{failedAttempts}, 'no count');
    $zitadel->state(language => 'en', wrong_password_id => 'COMMAND-3M0fs', failed_attempts => JSON::PP::true);
};

subtest 'identities of a provider' => sub {
    $zitadel->account(sub => '1089', email => 'g@example.com', email_verified => JSON::PP::true,
        given_name => 'G', family_name => 'O', name => 'G O');
    $zitadel->state(login => '1089');
    my %link = (idpId => $ready{idp_id}, userId => '1089', userName => 'g@example.com');
    my %urls = (successUrl => 'http://api.example/ok?state=s', failureUrl => 'http://api.example/fail');
    my $start = sub { $zitadel->api(POST => '/v2/idp_intents', { idpId => $_[0], urls => {%urls} }) };
    refused($start->('1'), 400, 9, 'COMMAND-39n221fs', 'an unknown provider');
    my $back = $zitadel->login($start->($ready{idp_id})->{json}{authUrl});
    is_deeply([$back->{state}, exists $back->{user}], ['s', ''], 'back with our own query, no user yet');
    my $intent = sub { $zitadel->api(POST => "/v2/idp_intents/$_[0]{id}", { idpIntentToken => $_[1] // $_[0]{token} }) };
    refused($intent->($back, 'wrong'), 403, 7, 'CRYPTO-Sf4gt', 'a wrong intent token');
    my $info = accepted($intent->($back), 200, 'what the provider said');
    is($info->{idpInformation}{rawInformation}{User}{email_verified}, JSON::PP::true, 'with email_verified');
    my $id = accepted(create(%{ $info->{addHumanUser} }, userId => 'linked', password => undef), 200,
        'the ready create body works')->{userId};
    refused(create(idpLinks => [{%link}]), 409, 6, 'V3-DKcYh', 'one identity, one user');
    refused(create(idpLinks => [{ %link, idpId => '1' }]), 400, 9, 'COMMAND-39nf2', 'an unknown provider in a link');
    refused($zitadel->api(POST => '/v2/users/' . new_id() . '/links', { idpLink => {%link} }), 409, 6, 'V3-DKcYh',
        'nor by linking later');
    my $check = { checks => { user => { userId => $id }, idpIntent => { idpIntentId => $back->{id}, idpIntentToken => $back->{token} } } };
    accepted($zitadel->api(POST => '/v2/sessions', $check), 201, 'a session by intent');
    refused($zitadel->api(POST => '/v2/sessions', $check), 400, 9, 'COMMAND-Df4bw', 'which it uses up');
    is($zitadel->login($start->($ready{idp_id})->{json}{authUrl})->{user}, $id, 'the next login names the user');
    refused(login($id), 400, 9, 'COMMAND-3nJ4t', 'who has no password');
    $zitadel->state(login_error => 'access_denied');
    is($zitadel->login($start->($ready{idp_id})->{json}{authUrl})->{error}, 'access_denied', 'a failed login');
};

$zitadel->stop;
done_testing();
