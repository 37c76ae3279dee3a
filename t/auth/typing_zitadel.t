# Passwords as they are typed, at a ZITADEL: it is given the form of RFC 8265. What version 1.0 gave it is compared as it was
# typed, with one check for each login, until it is known to be the form.
use strict;
use warnings;
use utf8;
use CloudEP::Test;
use CloudEP::Zitadel;

my $zitadel = zitadel();
my $server = zitadel_server($zitadel);
my $tenant = zitadel_tenant($server, $zitadel);
my $composed = "Z\xfcrich im \xc9t\xe9 1792";
my $decomposed = "Zu\N{U+308}rich im E\N{U+301}te\N{U+301} 1792";

my $member = register_member(tenant => $tenant, password => $decomposed);
is(form(), 't', 'a new member\'s password is in its form');
enters($_, 'a password') for $composed, $decomposed, "Z\xfcrich\N{NO-BREAK SPACE}im \xc9t\xe9 1792";

# ---- of version 1.0, which gave ZITADEL what was typed: composed here
$server->psql("UPDATE cloudep.members SET password_form = NULL WHERE uid = :'uid'", uid => $member->{uid});
outcome(login($member, password => $decomposed), 401, 28501000, 'decomposed it is wrong still');
is(form(), 'none', 'and not known to be the form');
enters($composed, 'as it was typed');
is(form(), 't', 'and from now on it is known to be the form');
enters($decomposed, 'decomposed');
outcome(login($member, password => "$composed\x07"), 401, 28501000, 'what has no form is a wrong password');

# ---- in ASCII both are one, and nothing is written
my $plain = register_member(tenant => $tenant);
$server->psql("UPDATE cloudep.members SET password_form = NULL WHERE uid = :'uid'", uid => $plain->{uid});
outcome(login($plain), 200, 102000, 'a password in ASCII');
is($server->value("SELECT password_form IS NULL FROM cloudep.members WHERE uid = :'uid'", uid => $plain->{uid}), 't', 'needs no note');

# ---- a change
my $new = "Gen\xe8ve \xe0 l'aube 1815 X";
outcome($plain->{client}->post('/api/v1/members/me/password', { current_password => $plain->{password}, new_password => "Gene\N{U+300}ve a\N{U+300} l'aube 1815 X" }),
    200, 102000, 'a change');
outcome(login($plain, password => $new), 200, 102000, 'gives ZITADEL the form');
finish();

sub form { return $server->value("SELECT coalesce(password_form::text, 'none') FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid}) =~ s/^true$/t/r }

sub enters {
    my ($password, $name) = @_;
    my $before = asked($zitadel, 'POST /v2/sessions');
    outcome(login($member, password => $password), 200, 102000, "$name: right");
    is(asked($zitadel, 'POST /v2/sessions') - $before, 1, "$name: by one check");
}
