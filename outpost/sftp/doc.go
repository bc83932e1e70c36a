// Package sftp serves SFTP version 3 as OpenSSH's server does, with the extensions of OpenSSH that its
// clients use (draft-ietf-secsh-filexfer-02, and the file PROTOCOL of OpenSSH).
package sftp
