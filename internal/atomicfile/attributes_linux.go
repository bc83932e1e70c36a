package atomicfile

import "strings"

// accessList is the attribute that holds a POSIX access control list (acl(5)).
const accessList = "system.posix_acl_access"

// keeps reports whether a new file gets an attribute of the old one. The kernel itself makes security.ima and
// security.evm from the content, and trusted attributes are between the system and its administrator.
func keeps(name string) bool {
	switch name {
	case "security.ima", "security.evm", "":
		return false
	case accessList, "system.nfs4_acl":
		return true
	}
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "security.")
}

// systemOnly reports whether nobody can set an attribute. Linux has no such attributes.
func systemOnly(string) bool { return false }
