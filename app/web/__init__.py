"""The HTTP API: a public listener with one path, and an internal one."""
