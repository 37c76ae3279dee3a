# LoadModule in the wrong order, or without mod_dbd: the start says what to do.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Test;

sub start_with {
    my ($edit) = @_;
    my $server = own_server();
    $server->prepare;
    my $modules = CloudEP::Httpd::load_modules(build => $server->{build});
    my $configuration = $server->configuration;
    $edit->($modules, $configuration);
    $server->{httpd}->configure($modules, $configuration);
    return eval { $server->{httpd}->start; $server->{httpd}->stop; 'started' } || $@;
}

like(start_with(sub { $_[0] =~ s/^(LoadModule cloudep_module .*\n)//m; $_[0] .= $1 }),
    qr/Cannot load .*mod_cloudep_(?:auth|member)\.so.*undefined symbol: cloudep_/s,
    'a content module before the core names what it misses');
like(start_with(sub { $_[0] =~ s/^LoadModule dbd_module .*\n//m; $_[1] =~ s/^DBD.*\n//mg }),
    qr/CloudEPDatabase On needs mod_dbd: add LoadModule dbd_module/, 'a missing mod_dbd is asked for');
is(start_with(sub { $_[0] =~ s/^LoadModule cloudep_member_module .*\n//m;
            $_[1] =~ s/<Location \/api\/v1\/members>.*?<\/Location>\n//s }), 'started', 'either content module alone is fine');

expect_log(qr/CloudEPDatabase On needs mod_dbd/);
finish();
