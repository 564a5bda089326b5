"""The Compose project that is there: its model, and what each service says of itself. Reads files, changes none."""
