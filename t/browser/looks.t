# Every page, narrow and wide, in light and in dark, and in both languages: axe-core finds nothing against WCAG 2.2 AA, nothing is wider
# than the window, the browser complains of nothing. The pictures are in $CLOUDEP_VAR/screenshots, to be looked at.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Npm;
use CloudEP::Pages;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;
use CloudEP::Totp;

my $tenant = tenant();
my $server = own_server(portal => $tenant->{slug})->start;
$tenant->{server} = $server;
spew($server->custom . '/portal.json', '{"providers": [{"id": "google", "name": "Google"}], "codeLogin": true, "passkeys": true, "marketing": true, "help": "https://help.example/"}');
my $pages = CloudEP::Test::Servers::keep(CloudEP::Pages->new(dir => CloudEP::Test::Servers::own_folder('browser'),
        home => $server->url('/account/'), shots => "$ENV{CLOUDEP_VAR}/screenshots",
        axe => slurp(CloudEP::Npm::folder('browser') . '/node_modules/axe-core/axe.min.js')));

# Colours are the same in every language, lines are not: the second language is seen once, narrow. Pictures are taken of each width
# once, and of both schemes.
my %looks = (en => [[320, 'light'], [320, 'dark', 'shot'], [1280, 'light', 'shot'], [1280, 'dark']], 'zh-TW' => [[320, 'light', 'shot']]);
my $language;

# A page as it is now, in every look: it is not loaded anew in between.
sub look {
    my ($name) = @_;
    $pages->settled->look(@{ $looks{$language}[0] });
    is($pages->run('return document.title'), $pages->run('return document.querySelector("#main h1").innerText') . ' - ' . $pages->text_of('portal.name'), "$name, $language: the title says where one is");
    for my $look (@{ $looks{$language} }) {
        my ($width, $scheme, $shot) = @$look;
        my $here = "$language, $width, $scheme";
        $pages->look($width, $scheme);
        is_deeply([$pages->faults], [], "$name, $here: nothing against WCAG 2.2 AA");
        cmp_ok($pages->overflow, '<=', 0, "$name, $here: not wider than the window");
        $pages->shot("$name-$here" =~ s/\W+/-/gr) if $shot;
        is_deeply([$pages->complaints], [], "$name, $here: the browser complains of nothing");
    }

    # At the end, as a picture of the page after it lacks lines of text.
    $pages->look(@{ $looks{$language}[0] });
    is_deeply([$pages->spacing_faults], [], "$name, $language: nothing is cut off where a reader spaces text");
}

sub visitor {
    $pages->visit('#/sign-in');
    look('sign-in');
    $pages->submit;
    look('sign-in-errors');
    for my $page (qw(register forgot code)) {
        $pages->visit("#/$page");
        look($page);
    }
    for my $kept (['confirm', 'registration'], ['reset', 'recovery'], ['second-factor', 'login']) {
        my ($page, $state) = @$kept;
        $pages->run('sessionStorage.setItem(`cloudep.${args[0]}`, JSON.stringify({ challenge: "gone", email: "ada@example.com", publicKey: { challenge: "AA" } }))', $state);
        $pages->visit("#/$page");
        look($page);
    }
    for my $link (qw(reset first_password undo)) {
        $pages->visit("#$link=made-up");
        look("$link-link");
    }
}

sub signed_in {
    my $member = register_member(tenant => $tenant, display_name => 'Ada Lovelace');
    $pages->visit('#/sign-in');
    $pages->fill(email => $member->{email}, password => $member->{password})->submit;
    $pages->at('profile');
    $pages->visit('?return_to=/&need=mfa');
    $pages->at('proof');
    look('proof-no-factor');
    $pages->visit('?return_to=/&need=fresh');
    $pages->at('proof');
    look('proof-page');
    $pages->press($pages->text_of('proof.not_now'))->at('profile');
    $server->psql("INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count, backup_eligible, backed_up, aaguid, name, last_used_at)"
            . " SELECT tenant_id, uid, uid || name, 'AA', -7, 0, synced, synced, '00000000-0000-0000-0000-000000000000', name, used FROM cloudep.members,"
            . " (VALUES ('iPhone', true, now()), ('Security key in the drawer', false, NULL)) AS key (name, synced, used) WHERE uid = :'uid'", uid => $member->{uid});
    for my $page (qw(profile contacts password two-step passkeys email login-phone linked sessions history data)) {
        $pages->run('location.hash = `#/${args[0]}`', $page);
        $pages->at($page);
        look($page);
    }
    $pages->run('location.hash = "#/two-step"');
    $pages->at('two-step')->click('#main .action button');
    $pages->find('img.qr');
    look('two-step-set-up');
    my $secret = $pages->run('return document.querySelector(".secret code").textContent') =~ s/ //gr;
    $pages->fill(code => totp_code(totp_secret("?secret=$secret")))->submit;
    $pages->find('.codes');
    look('backup-codes');
    $pages->click('#main section > .actions:last-child .button');
    $pages->find('#main section:nth-of-type(2) .action button');
    look('two-step-enrolled');
    $server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL, mfa_at = NULL WHERE uid = :'uid'", uid => $member->{uid});
    $pages->click('#main section:nth-of-type(2) .action button');
    $pages->find('dialog');
    look('proof');
    $pages->keys('Escape')->until('return !document.querySelector("dialog")', 'the dialog closes');
    $pages->run('location.hash = "#/contacts"');
    $pages->at('contacts')->click('#main section:nth-of-type(1) button')->find('[name=target]');
    look('contacts-change');
    $pages->run('location.hash = "#/sessions"');
    $pages->at('sessions')->click('#main section > .action button');
    $pages->find('dialog');
    look('sure');
    $pages->keys('Escape')->until('return !document.querySelector("dialog")', 'the dialog closes');
    $server->psql("UPDATE cloudep.sessions SET revoked_at = now() WHERE uid = :'uid'", uid => $member->{uid});
    $pages->run('location.hash = "#/data"');
    $pages->at('data')->click('#main section .action button');
    $pages->find('dialog');
    look('session-ended');
}

for my $name (qw(en zh-TW)) {
    $language = $name;
    $pages->begin($language);
    visitor();
    signed_in();
}
expect_log(qr/CE400/);
finish();
