module kevinburke12

go 1.26.0

require github.com/kevinburke/ssh_config v1.2.0
