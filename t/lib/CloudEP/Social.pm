package CloudEP::Social;

# The front end of a social login, as a browser would do it: start, log in at the provider, call the callback.

use strict;
use warnings;
use CloudEP::OIDC;
use CloudEP::Process qw(spew);
use CloudEP::Test;
use URI;
use URI::Escape qw(uri_escape uri_escape_utf8);

my $number = 0;

# A running oidc-provider for a test with its log in $dir; it allows these redirect URIs.
sub peer {
    my ($dir, $redirects, @options) = @_;
    return CloudEP::OIDC->new(peer => 'oidc', run => $dir, log => "$dir/oidc.log", timeout => 30,
        options => [(map { ('--redirect-uri', $_) } @$redirects), @options])->start;
}

# A fresh account at a provider; %with overrides what it says. Returns its sub.
sub account {
    my ($peer, %with) = @_;
    our $accounts;
    my $sub = sprintf '1089%017d', ++$accounts;
    $peer->account(sub => $sub, email => fresh_email(), email_verified => JSON::PP::true, name => "Ada $sub", %with);
    return $sub;
}

# The CloudEPSocialProvider line for one of its clients; the secret goes to a file in $dir.
sub directive {
    my ($name, $peer, $client, $dir, @options) = @_;
    return join ' ', "CloudEPSocialProvider $name", credentials($peer, $client, $dir), @options;
}

# Issuer, client id and the file with the secret.
sub credentials {
    my ($peer, $client, $dir) = @_;
    my $known = $peer->ready->{clients}{$client};
    my $file = 'none';
    my $secret = $known->{client_secret} // $known->{private_key};
    if (defined $secret) {
        $file = "$dir/secret-" . ++$number;
        spew($file, secret($secret) . "\n");
        chmod 0600, $file;
    }
    return ($peer->issuer, $known->{client_id}, $file);
}

# kind => "register" or "login", client => of CloudEP, peer => the provider, tenant => as tenant() made it,
# redirect => redirect_uri, provider => its name
sub new {
    my ($class, %self) = @_;
    return bless { provider => 'google', %self }, $class;
}

sub with {
    my ($self, %values) = @_;
    return (ref $self)->new(%$self, %values);
}

# Posts the start. %fields overrides or (undef) leaves out fields. Returns the answer.
sub start {
    my ($self, %fields) = @_;
    my %body = (
        tenant_slug => $self->{tenant}{slug}, provider => $self->{provider}, redirect_uri => $self->{redirect},
        $self->{kind} eq 'register' ? (invite_code => $self->{tenant}{invite}, accept_terms_version => '2026-01') : (), %fields,
    );
    delete @body{ grep { !defined $body{$_} } keys %body };
    return $self->{client}->post("/api/v1/auth/$self->{kind}/social/start", \%body, Cookie => $self->{cookie});
}

# The cookie that a start set, as it is sent back.
sub cookie { ($_[0]->header('Set-Cookie') // '') =~ /^([^;]+)/ ? $1 : undef }

# Start and login at the provider as $account. Returns what the browser brings back: code, state, cookie, session_id.
sub visit {
    my ($self, $account, %fields) = @_;
    my $started = $self->start(%fields);
    $started->status == 200 or die 'start: ', $started->body, "\n";
    my $back = $self->{peer}->login($started->data->{oauth_url}, account => $account);
    $back = $self->post_back($back) if $back->{posted};
    $back->{code} or die 'the provider sent no code back: ', $back->{body} // $back->{error}, "\n";
    secret($back->{code});
    return { %$back, cookie => cookie($started), session_id => $started->data->{session_id} };
}

# Posts what a provider had the browser post, without the cookie, which does not come with it, and follows the redirect:
# what the page of the front end sees.
sub post_back {
    my ($self, $back) = @_;
    my $answer = $self->post_form($back);
    $answer->status == 303 or die 'form_post: ', $answer->body, "\n";
    my $page = URI->new($answer->header('Location'));
    return { $page->query_form, location => "$page" };
}

sub post_form {
    my ($self, $fields) = @_;
    my $form = join '&', map { "$_=" . uri_escape_utf8($fields->{$_}) } grep { $_ ne 'posted' && defined $fields->{$_} } sort keys %$fields;
    return $self->{client}->request(POST => "/api/v1/auth/$self->{kind}/social/callback", $form,
        'Content-Type' => 'application/x-www-form-urlencoded', Origin => $self->{peer}->issuer, 'Sec-Fetch-Site' => 'cross-site');
}

# Calls the callback with what the browser brought back; %over replaces or (undef) leaves out.
sub callback {
    my ($self, $back, %over) = @_;
    my %all = (code => $back->{code}, state => $back->{state}, cookie => $back->{cookie}, %over);
    my $cookie = delete $all{cookie};
    my $query = join '&', map { "$_=" . uri_escape($all{$_}) } grep { defined $all{$_} } sort keys %all;
    return $self->{client}->get("/api/v1/auth/$self->{kind}/social/callback?$query", Cookie => $cookie);
}

# All of it; returns the callback's answer.
sub run {
    my ($self, $account, %fields) = @_;
    return $self->callback($self->visit($account, %fields));
}

1;
