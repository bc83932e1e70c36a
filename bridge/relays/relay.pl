use Socket qw(getaddrinfo SOCK_STREAM IPPROTO_TCP);
my ($host, $port, $end) = @ARGV;
my ($why, @addresses) = getaddrinfo($host, $port, {socktype => SOCK_STREAM, protocol => IPPROTO_TCP});
my $socket;
for my $a (@addresses) {
	socket($socket, $a->{family}, $a->{socktype}, $a->{protocol}) && connect($socket, $a->{addr}) and last;
	$why = $!;
	undef $socket;
}
unless ($socket) { print STDERR "$why\n"; exit 1 }
$SIG{PIPE} = "IGNORE";
sub put {
	my ($to, $data) = @_;
	for (my $at = 0; $at < length $data;) {
		my $n = syswrite($to, $data, length($data) - $at, $at);
		if (defined $n) { $at += $n } elsif (!$!{EINTR}) { return 0 }
	}
	return 1;
}
sub carry {
	my ($from, $to) = @_;
	while (1) {
		my $n = sysread($from, my $data, 65536);
		next if !defined $n && $!{EINTR};
		return if !$n || !put($to, $data);
	}
}
syswrite(STDERR, "connected\n");
close(STDERR);
my $child = fork;
if (!$child) {
	carry($socket, \*STDOUT);
	put(\*STDOUT, $end);
	exit;
}
close(STDOUT);
carry(\*STDIN, $socket);
shutdown($socket, 1);
waitpid($child, 0);
