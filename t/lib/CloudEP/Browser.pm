package CloudEP::Browser;

# What a browser adds to a client: it keeps cookies and sends them, and, as a page of that server does, the XSRF header,
# Origin and Sec-Fetch-Site.
#
#     my $browser = CloudEP::Browser->new(client => client(server => $server));
#     $browser->post('/account/api/auth/login', {...});

use strict;
use warnings;
use CloudEP::Test::Answers qw(secret);

# client => a CloudEP::Client, host => of the header Host; its own by default, scheme => of Origin
sub new {
    my ($class, %self) = @_;
    $self{host} //= "127.0.0.1:$self{client}{port}";
    $self{scheme} //= 'http';
    $self{jar} //= {};
    return bless \%self, $class;
}

sub get { my ($self, $path, @headers) = @_; $self->request(GET => $path, undef, @headers) }
sub post { my ($self, $path, $data, @headers) = @_; $self->request(POST => $path, $data, @headers) }
sub patch { my ($self, $path, $data, @headers) = @_; $self->request(PATCH => $path, $data, @headers) }
sub delete { my ($self, $path, @headers) = @_; $self->request(DELETE => $path, undef, @headers) }

# The same browser, as it is now: what it gets from then on stays apart.
sub copy { my ($self) = @_; return (ref $self)->new(%$self, jar => { %{ $self->{jar} } }) }

sub cookie { my ($self, $name) = @_; return $self->{jar}{$name} }
sub origin { return "$_[0]{scheme}://$_[0]{host}" }

# The headers of a request. Headers of the caller's own come after them and replace them; undef leaves one out.
sub headers {
    my ($self, $method) = @_;
    my $jar = $self->{jar};
    return (
        Host => $self->{host},
        %$jar ? (Cookie => join '; ', map { "$_=$jar->{$_}" } sort keys %$jar) : (),
        'Sec-Fetch-Site' => 'same-origin',
        $method eq 'GET' ? () : (Origin => $self->origin),
        $method ne 'GET' && $jar->{'XSRF-TOKEN'} ? ('X-XSRF-TOKEN' => $jar->{'XSRF-TOKEN'}) : (),
    );
}

sub request {
    my ($self, $method, $path, $data, @headers) = @_;
    my $answer = $self->{client}->request($method, $path, $data, $self->headers($method), @headers);
    $self->keep($answer);
    return $answer;
}

# Takes over the cookies of an answer.
sub keep {
    my ($self, $answer) = @_;
    for my $cookie (set_cookies($answer)) {
        secret($cookie->{value}) if $cookie->{name} =~ /\A(?:__Host-)?cloudep\z/;
        if ($cookie->{max_age} // 1) {
            $self->{jar}{ $cookie->{name} } = $cookie->{value};
        }
        else {
            delete $self->{jar}{ $cookie->{name} };
        }
    }
}

# The cookies that an answer sets: name, value, max_age (undef: none), rest (the other attributes).
sub set_cookies {
    my ($answer) = @_;
    return map {
        my ($pair, @attributes) = split /; /;
        my ($name, $value) = split /=/, $pair, 2;
        my ($age) = map { /^Max-Age=(\d+)$/ ? $1 : () } @attributes;
        { name => $name, value => $value, max_age => $age, rest => join '; ', grep { !/^Max-Age/ } @attributes };
    } split /, (?=[\w-]+=)/, $answer->header('Set-Cookie') // '';
}

1;
