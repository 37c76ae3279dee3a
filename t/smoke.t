# The harness itself: the services run, httpd answers, an unknown path is our envelope.
use strict;
use warnings;
use CloudEP::Test;

is(server->value('SELECT count(*) FROM cloudep.members WHERE email = :\'email\'', email => fresh_email()), 0,
    'PostgreSQL has the schema');
is(client->get('/index.html')->status, 200, 'httpd serves a file that is not ours');
outcome(client->get('/api/v1/auth/nowhere'), 404, 10301000, 'an unknown path below our prefix');
is(scalar(grep { $_->status == 200 } client->parallel((['GET', '/index.html']) x 256)), 256,
    '256 requests at once are all answered');

finish();
