# The language of messages and mails: what the body names, or the member, or else Accept-Language. reason, rule and code
# are the same in all.
use strict;
use warnings;
use utf8;
use CloudEP::Test;

my $server = own_server(values => { CloudEPCodeCooldown => 0 })->start;
my $anybody = client(server => $server);
my $tenant = tenant(server => $server);
my $login = '/api/v1/auth/login';
my $wrong = { tenant_slug => 'no-such-tenant', email => fresh_email(), password => 'not-the-password' };

sub in_chinese { return $_[0]->json->{message} =~ /\p{Han}/ ? 1 : 0 }

sub try { my ($accept) = @_; return $anybody->post($login, $wrong, 'Accept-Language' => $accept) }

# ---- messages

my $english = outcome($anybody->post($login, $wrong), 404, 29301000, 'nobody says a language');
is($english->json->{message}, 'no such tenant', 'the message is in English');
my %ACCEPT = ('zh-TW' => 1, 'zh-HK,en;q=0.5' => 1, 'en;q=0.4, zh-Hant;q=0.9' => 1, 'de, zh-TW;q=0.1' => 1, 'en' => 0,
    'en-GB, zh-TW;q=0.9' => 0, 'fr' => 0, 'zh-CN' => 0, '*' => 0, '' => 0, 'x;q=,;;' => 0, 'zh-TW;q=0' => 0);
for my $accept (sort keys %ACCEPT) {
    my $answer = outcome(try($accept), 404, 29301000, "Accept-Language: $accept");
    is(in_chinese($answer), $ACCEPT{$accept}, "Accept-Language: $accept, which is " . ($ACCEPT{$accept} ? 'Chinese' : 'not'));
    is($answer->json->{reason}, $english->json->{reason}, "Accept-Language: $accept, and the reason stays");
}
my $fields = outcome($anybody->post($login, {}, 'Accept-Language' => 'zh-TW'), 400, 10104000, 'missing fields');
is(in_chinese($fields), 1, 'have a message in Chinese');
is_deeply($fields->errors, $anybody->post($login, {})->errors, 'and the same errors');
my $malformed = outcome($anybody->post($login, '{', 'Accept-Language' => 'zh-TW'), 400, 10101000, 'what is no JSON');
is(in_chinese($malformed), 1, 'has one as well');
like($anybody->post($login, '{')->json->{message}, qr/line 1/, 'which says more in English');
is(in_chinese($anybody->get('/api/v1/auth/nothing', 'Accept-Language' => 'zh-TW')), 1, 'an unknown path, too');
is(in_chinese($anybody->request('BREW', '/api/v1/auth/login', undef, 'Accept-Language' => 'zh-TW', 'X-Long' => 'x' x 9000)), 1,
    'and what httpd itself refuses');

my %body = (tenant_slug => $tenant->{slug}, invite_code => 'no-such', email => fresh_email(), password => fresh_password(),
    accept_terms_version => '1');
my $register = '/api/v1/auth/register';
is(in_chinese($anybody->post($register, { %body, language => 'zh_TW' }, 'Accept-Language' => 'en')), 1,
    'what the body names comes first');
is(in_chinese($anybody->post($register, { %body, language => 'en' }, 'Accept-Language' => 'zh-TW')), 0, 'either way');

my $member = register_member(tenant => $tenant, language => 'zh-TW');
is(in_chinese($member->{client}->post('/api/v1/members/me/totp/verify', { code => '123456' }, 'Accept-Language' => 'en')), 1,
    'then what the member has named');
my $silent = register_member(tenant => $tenant);
is(in_chinese($silent->{client}->post('/api/v1/members/me/totp/verify', { code => '123456' }, 'Accept-Language' => 'zh-TW')), 1,
    'then Accept-Language');

# ---- mails

my $forgot = '/api/v1/auth/password/forgot';

# Whether the last of so many mails to somebody is in Chinese.
sub mail_in_chinese {
    my ($email, $count) = @_;
    my @mails = $server->mails($email, $count);
    return $mails[-1]{text} =~ /\p{Han}/ ? 1 : 0;
}

my %mails = ('the member names Chinese' => [$member, 'en', 1], 'nobody names one' => [$silent, undef, 0],
    'the browser asks for Chinese' => [register_member(tenant => $tenant), 'zh-TW,en;q=0.5', 1],
    'the browser asks for French' => [register_member(tenant => $tenant), 'fr', 0]);
for my $name (sort keys %mails) {
    my ($who, $accept, $chinese) = @{ $mails{$name} };
    outcome($anybody->post($forgot, { tenant_slug => $tenant->{slug}, email => $who->{email} }, 'Accept-Language' => $accept), 200,
        102000, "a mail where $name");
    is(mail_in_chinese($who->{email}, 2), $chinese, 'is in ' . ($chinese ? 'Chinese' : 'English'));
}
for my $case ([undef, 'zh-TW', 1], ['en', 'zh-TW', 0], ['zh-TW', 'en', 1]) {
    my ($language, $accept, $chinese) = @$case;
    my %new = (%body, invite_code => $tenant->{invite}, email => fresh_email(), language => $language);
    delete $new{language} if !defined $language;
    outcome($anybody->post($register, \%new, 'Accept-Language' => $accept), 200, 102000, 'a registration');
    is(mail_in_chinese($new{email}, 1), $chinese, 'is mailed about in the language of ' . (defined $language ? 'its body' : 'its header'));
}

finish();
