"""`updater init`: a stack file for a Compose project that is there already, from what its files say."""
