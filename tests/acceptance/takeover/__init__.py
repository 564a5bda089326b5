"""The takeover of a running stack with the first user's layout: its files, its client, its host."""
