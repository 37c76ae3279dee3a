package CloudEP::Pages;

# A browser that looks at our pages as a person does: it finds what is labelled so, types, presses keys, and keeps what the
# browser complains of. It waits for what must happen, and dies at the deadline.
#
#     my $pages = CloudEP::Pages->new(dir => $folder, home => "http://127.0.0.1:$port/account/", shots => $folder, axe => $script)->start;
#     $pages->visit('#/sign-in');
#     $pages->fill(email => 'ada@example.com', password => 'correct horse 9')->submit;
#     $pages->sees('Profile');

use strict;
use warnings;
use parent 'CloudEP::Chromium';
use CloudEP::Httpd;
use CloudEP::Process qw(slurp spew wait_until);
use Encode qw(encode_utf8);
use File::Path qw(make_path);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);

my $ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';
my %KEY = (Tab => "\x{E004}", Enter => "\x{E007}", Escape => "\x{E00C}", Space => ' ', Shift => "\x{E008}", Control => "\x{E009}");

# What a page may not do: noted in the page itself, and kept across its pages.
my $WATCH = <<'SCRIPT';
(() => {
    const note = text => {
        const kept = JSON.parse(sessionStorage.getItem('test.complaints') || '[]');
        sessionStorage.setItem('test.complaints', JSON.stringify([...kept, text]));
    };
    addEventListener('securitypolicyviolation', event => note(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
    addEventListener('error', event => note(`error ${event.message || (event.target && event.target.src)}`), true);
    addEventListener('unhandledrejection', event => note(`rejection ${event.reason}`));
    const write = console.error;
    console.error = (...all) => { note(`console ${all.join(' ')}`); write(...all); };
})();
SCRIPT

sub start {
    my ($self) = @_;
    $self->SUPER::start;
    $self->cdp('Page.enable');
    $self->cdp('Page.addScriptToEvaluateOnNewDocument', source => $_) for $WATCH, grep { defined } $self->{axe};

    # A picture is taken without the scrollbar. Were one shown otherwise, the lines would break elsewhere before and after it, and
    # what is clicked next would move away under the pointer.
    $self->cdp('Emulation.setScrollbarsHidden', hidden => \1);
    return $self;
}

sub cdp {
    my ($self, $command, %parameters) = @_;
    return $self->in_session(POST => '/goog/cdp/execute', { cmd => $command, params => \%parameters });
}

# Another tab, and going from one to the other. Returns its handle.
sub new_tab {
    my ($self) = @_;
    return $self->in_session(POST => '/window/new', { type => 'tab' })->{handle};
}

sub this_tab { my ($self) = @_; return $self->in_session('GET', '/window') }

sub switch_to {
    my ($self, $tab) = @_;
    $self->in_session(POST => '/window', { handle => $tab });
    return $self;
}

# Closes tabs, and goes on in the first one that is left.
sub close_tabs {
    my ($self, @tabs) = @_;
    for my $tab (@tabs) {
        $self->switch_to($tab);
        $self->in_session(DELETE => '/window');
    }
    return $self->switch_to($self->in_session(GET => '/window/handles')->[0]);
}

# Whether the browser keeps cookies of an origin, as its settings have it: "block" or "allow".
sub cookies_of {
    my ($self, $origin, $setting) = @_;
    $self->open('chrome://settings/');
    $self->run(<<'SCRIPT', $origin, $setting);
const { sendWithPromise } = await import("chrome://resources/js/cr.js");
chrome.send("setCategoryPermissionForPattern", [args[0], "", "cookies", args[1], false]);
for (;;) {
    const kept = await sendWithPromise("getExceptionList", "cookies");
    if (kept.some(one => one.origin.startsWith(args[0]) && one.setting === args[1])) return;
}
SCRIPT
    return $self;
}

# Takes the network away from this tab, or gives it back.
sub offline {
    my ($self, $off) = @_;
    $self->cdp('Network.enable');
    $self->cdp('Network.emulateNetworkConditions', offline => $off ? \1 : \0, latency => 0, downloadThroughput => $off ? 0 : -1, uploadThroughput => $off ? 0 : -1);
    return $self;
}

# What it complained of since the last time it was asked.
sub complaints {
    my ($self) = @_;
    my $kept = $self->run(q{const kept = sessionStorage.getItem('test.complaints'); sessionStorage.removeItem('test.complaints'); return JSON.parse(kept || '[]')});
    return @$kept;
}

# Width in CSS pixels, dark or light.
sub look {
    my ($self, $width, $scheme) = @_;
    $self->cdp('Emulation.setDeviceMetricsOverride', width => $width, height => $width < 600 ? 720 : 860, deviceScaleFactor => 1, mobile => \0);
    $self->cdp('Emulation.setEmulatedMedia', features => [{ name => 'prefers-color-scheme', value => $scheme }]);
    return $self;
}

# Every cookie and everything kept is forgotten; the language of the browser.
sub forget_all {
    my ($self, $language) = @_;
    $self->cdp('Network.clearBrowserCookies');
    $self->cdp('Storage.clearDataForOrigin', origin => $self->{home} =~ s{(://[^/]+).*}{$1}r, storageTypes => 'all');
    $self->{language} = $language // 'en';
    $self->open("$self->{home}icon.svg");
    $self->run(q{sessionStorage.clear(); localStorage.setItem('cloudep.language', args[0])}, $self->{language});
    return $self;
}

# Begins anew, as somebody who reads that language.
sub begin {
    my ($self, $language) = @_;
    $self->{texts} = JSON::PP->new->utf8->decode(slurp(CloudEP::Httpd::top() . "/portal/texts/$language.json"));
    return $self->look(1280, 'light')->forget_all($language);
}

# A text of the pages in the language of begin(), with {name} replaced.
sub text_of {
    my ($self, $key, %values) = @_;
    return ($self->{texts}{$key} // die "no text $key\n") =~ s/\{(\w+)\}/$values{$1} \/\/ "{$1}"/ger;
}

# Opens an address below the pages as one that was not open before.
sub visit {
    my ($self, $address) = @_;
    $self->open('about:blank');
    $self->open("$self->{home}$address");
    return $self->settled;
}

# Waits until a page is there and nothing is under way, or a dialog asks something meanwhile.
sub settled {
    my ($self) = @_;
    $self->until(q{return Boolean(document.querySelector('#main h1')) && !(document.querySelector('dialog[open]') || document).querySelector('[aria-busy]')}, 'the page settles');
    return $self;
}

# Waits until a script returns something true; returns it.
sub until {
    my ($self, $script, $what, @arguments) = @_;
    my $value;
    wait_until(30, sub { $value = eval { $self->run($script, @arguments) } }) or die encode_utf8(join "\n", "$what: not after 30 s at " . $self->address . '; the page says:', $self->text, $self->complaints);
    return $value;
}

sub text { my ($self) = @_; return eval { $self->run('return document.body.innerText') } // 'nothing' }
sub address { $_[0]->run('return location.hash || location.href') }

# Waits until a text can be read somewhere.
sub sees {
    my ($self, $text) = @_;
    $self->until('return document.body.innerText.includes(args[0])', "\"$text\" is to be seen", $text);
    return $self->settled;
}

# Waits until the page has that name in the address.
sub at {
    my ($self, $page) = @_;
    $self->until('return location.hash.split("?")[0] === `#/${args[0]}` && document.querySelector("#main")?.dataset.page === args[0]', "the page $page", $page);
    return $self->settled;
}

sub find {
    my ($self, $selector) = @_;
    $self->until('return Boolean(document.querySelector(args[0]))', "there is $selector", $selector);
    return $self->in_session(POST => '/element', { using => 'css selector', value => $selector })->{$ELEMENT};
}

# Types into the fields of those names, in place of what is there. A dialog's are meant where one is open.
sub fill {
    my ($self, @fields) = @_;
    while (my ($name, $text) = splice @fields, 0, 2) {
        my $place = $self->run(q{return document.querySelector('dialog[open]') ? 'dialog[open]' : '#main'});
        my $element = $self->find("$place [name=\"$name\"]");
        $self->in_session(POST => "/element/$element/clear");
        $self->in_session(POST => "/element/$element/value", { text => "$text" });
    }
    return $self;
}

sub click {
    my ($self, $selector) = @_;
    my $element = $self->find($selector);
    $self->in_session(POST => "/element/$element/click");
    return $self;
}

# Presses the button or link with that text.
sub press {
    my ($self, $text) = @_;
    $self->mark($text);
    return $self->click('[data-pressed]');
}

# Waits for the button or link with that text, and marks it.
sub mark {
    my ($self, $text) = @_;
    $self->until(<<'SCRIPT', "there is a button or link \"$text\"", $text);
const place = document.querySelector('dialog[open]') || document;
const found = [...place.querySelectorAll('button, a, summary')].find(one => one.innerText.trim() === args[0] && one.checkVisibility());
if (!found) return false;
document.querySelector('[data-pressed]')?.removeAttribute('data-pressed');
found.setAttribute('data-pressed', '');
return true;
SCRIPT
    return $self;
}

# Sends the form, or that of the open dialog.
sub submit {
    my ($self) = @_;
    my $place = $self->run(q{return document.querySelector('dialog[open]') ? 'dialog[open]' : '#main'});
    return $self->click("$place form button[type=submit]");
}

# Presses keys, by name or as text, wherever the focus is.
sub keys {
    my ($self, @keys) = @_;
    my @actions;
    for my $key (@keys) {
        push @actions, map { ({ type => 'keyDown', value => $_ }, { type => 'keyUp', value => $_ }) } exists $KEY{$key} ? $KEY{$key} : split //, $key;
    }
    $self->in_session(POST => '/actions', { actions => [{ type => 'key', id => 'keys', actions => \@actions }] });
    return $self;
}

# Presses keys together.
sub chord {
    my ($self, @keys) = @_;
    my @values = map { $KEY{$_} // $_ } @keys;
    my @actions = ((map { ({ type => 'keyDown', value => $_ }) } @values), map { ({ type => 'keyUp', value => $_ }) } reverse @values);
    $self->in_session(POST => '/actions', { actions => [{ type => 'key', id => 'keys', actions => \@actions }] });
    return $self;
}

# Goes to the fields of those names by Tab, and types in place of what is there.
sub type_in {
    my ($self, @fields) = @_;
    while (my ($name, $text) = splice @fields, 0, 2) {
        $self->find("[name=\"$name\"]");
        $self->tab_to("[name=\"$name\"]")->chord('Control', 'a')->keys($text);
    }
    return $self;
}

# Goes on by Tab until the focus is on what the selector finds; dies when it is never reached.
sub tab_to {
    my ($self, $selector) = @_;
    for (1 .. 80) {
        return $self if $self->run('return Boolean(document.activeElement && document.activeElement.matches(args[0]))', $selector);
        $self->keys('Tab');
    }
    die encode_utf8("the keyboard does not reach $selector; the page says: " . $self->text . "\n");
}

# The same for the button or link with that text.
sub tab_to_text {
    my ($self, $text) = @_;
    $self->mark($text);
    return $self->tab_to('[data-pressed]');
}

# Once round by Tab, and once back, from where the focus is: what is not reached, what has the focus and does not show it, and what
# is covered or out of the window meanwhile; a line each.
sub round_faults {
    my ($self) = @_;
    my $count = $self->run(<<'SCRIPT');
const all = 'a[href], button, input, select, summary, [tabindex="0"]';
const name = one => `${one.tagName} ${one.getAttribute('aria-label') || one.name || one.innerText}`;
const fault = one => {
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    if (!one.matches(':focus-visible') || style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) return 'does not show the focus';
    if (box.top < 0 || box.bottom > innerHeight || box.left < 0 || box.right > innerWidth) return 'is out of the window';
    return at && (one.contains(at) || at.contains(one)) ? '' : `is covered by ${at && at.className}`;
};
// Looked at when the next key comes: by then the window is scrolled to it.
if (!window.testKeys) {
    window.testKeys = true;
    document.addEventListener('keydown', () => {
        const one = document.activeElement;
        if (!window.testRound || !one.matches(all)) return;
        window.testRound.reached.add(one);
        const what = fault(one);
        if (what) window.testRound.faults.add(`${name(one)} ${what}`);
    }, true);
}
const place = document.querySelector('dialog[open]') || document;
const wanted = [...place.querySelectorAll(all)].filter(one => one.checkVisibility() && !one.matches('[tabindex="-1"]'));
window.testRound = { reached: new Set(), faults: new Set(), missed: () => wanted.filter(one => !window.testRound.reached.has(one)).map(one => `${name(one)} is not reached`) };
return wanted.length;
SCRIPT
    my @faults;
    for my $back (0, 1) {
        $self->run('testRound.reached.clear()');
        my @presses = map { ({ type => 'keyDown', value => $KEY{Tab} }, { type => 'keyUp', value => $KEY{Tab} }) } 0 .. $count + 2;
        unshift @presses, { type => 'keyDown', value => $KEY{Shift} } if $back;
        push @presses, { type => 'keyUp', value => $KEY{Shift} } if $back;
        $self->in_session(POST => '/actions', { actions => [{ type => 'key', id => 'keys', actions => \@presses }] });
        push @faults, map { $back ? "backwards: $_" : $_ } @{ $self->run('return testRound.missed()') };
    }
    return @faults, @{ $self->run('const found = [...testRound.faults]; delete window.testRound; return found') };
}

# The whole page as a picture, and the folder it goes to.
sub shot {
    my ($self, $name) = @_;
    return $self unless $self->{shots};
    make_path($self->{shots});
    my $size = $self->cdp('Page.getLayoutMetrics')->{cssContentSize};
    my $picture = $self->cdp('Page.captureScreenshot', format => 'png', captureBeyondViewport => \1,
        clip => { x => 0, y => 0, width => $size->{width}, height => $size->{height} > 3000 ? 3000 : $size->{height}, scale => 1 });
    spew("$self->{shots}/$name.png", decode_base64($picture->{data}));
    return $self;
}

# What axe-core finds against WCAG 2.2 AA, a line each.
sub faults {
    my ($self) = @_;
    my $found = $self->run(<<'SCRIPT');
const result = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'] });
return result.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.target} ${node.failureSummary.replace(/\s+/g, ' ')}`));
SCRIPT
    return @$found;
}

# What is wider than its place, or cut off, when a reader spaces text as WCAG 1.4.12 lets them; a line each.
sub spacing_faults {
    my ($self) = @_;
    my $found = $self->run(<<'SCRIPT');
const sheet = new CSSStyleSheet();
sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-bottom: 2em !important }');
document.adoptedStyleSheets = [sheet];
const root = document.documentElement;
const found = [...document.querySelectorAll('a, button, label, p, h1, h2, dt, dd, span, strong, code, legend, summary')].filter(one => one.checkVisibility()
    && (one.getBoundingClientRect().right > root.clientWidth + 1 || (getComputedStyle(one).overflow !== 'visible' && one.scrollHeight > one.clientHeight + 1)))
    .map(one => `${one.tagName} ${one.innerText}`);
if (root.scrollWidth > root.clientWidth) found.push('the page is wider than the window');
document.adoptedStyleSheets = [];
return found;
SCRIPT
    return @$found;
}

# How far the page is wider than the window.
sub overflow { $_[0]->run('return document.documentElement.scrollWidth - document.documentElement.clientWidth') }

1;
