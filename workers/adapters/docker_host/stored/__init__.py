"""What the worker stores for a release: its definition, its mounted files, marks of values."""
