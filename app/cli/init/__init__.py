"""`updater init`: writes a stack file for an existing Compose project, based on the project's files."""
