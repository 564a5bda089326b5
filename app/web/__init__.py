"""The HTTP face: a public listener with one path, and an internal one."""
