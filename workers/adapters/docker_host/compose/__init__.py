"""Docker Compose: runs its program, and reads a release's files with it."""
