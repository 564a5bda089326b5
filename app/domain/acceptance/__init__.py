"""Which releases are accepted, and which are ignored."""
