// Stands in for the ssh.exe of Windows: it ends lines as the C library does there, with CR LF, and says of clever-ssh's
// entries what ssh would.
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *host = argv[argc - 1];
	if (argc > 1 && strcmp(argv[1], "-Q") == 0) {
		puts("ssh-ed25519\nssh-rsa");
		return 0;
	}
	printf("host %s\n", host);
	if (strcmp(host, "web.clever") == 0)
		puts("remotecommand app_facade42-cafe-babe-cafe-deadf00dbaad");
	if (strcmp(host, "clever") == 0 || strstr(host, ".clever"))
		puts("hostkeyalias clever-ssh-clever");
	puts("pkcs11provider C:/token.dll"); // there is a key, which setup does not look at
	return 0;
}
