package atomicfile

import "strings"

// accessList is the attribute that holds a POSIX access control list (acl(5)).
const accessList = "system.posix_acl_access"

// keeps tells whether an attribute goes with the file. The kernel itself makes security.ima and security.evm of a content, and
// trusted attributes are between the system and its administrator.
func keeps(name string) bool {
	switch name {
	case "security.ima", "security.evm", "":
		return false
	case accessList, "system.nfs4_acl":
		return true
	}
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "security.")
}

// systemOnly tells of attributes that nobody can set: none.
func systemOnly(string) bool { return false }
