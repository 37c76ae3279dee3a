# The harness with the real modules: the services run, httpd answers, a member can be had in one line.
use strict;
use warnings;
use CloudEP::Test;

is(client->get('/index.html')->status, 200, 'httpd serves a file that is not ours');
outcome(client->get('/api/v1/auth/nowhere'), 404, 10301000, 'an unknown path below our prefix');
is(scalar(grep { $_->status == 200 } client->parallel((['GET', '/index.html']) x 256)), 256,
    '256 requests at once are all answered');

my $member = register_member();
outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'a registered member reads the profile');
outcome(login($member), 200, 102000, 'and logs in');
outcome(login($member, password => 'something else'), 401, 28501000, 'with the right password only');
is(server->value('SELECT status FROM cloudep.members WHERE uid = :\'uid\'', uid => $member->{uid}), 'active',
    'and is in the database');

finish();
