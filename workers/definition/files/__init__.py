"""Which files of the host and of a release a Compose model uses, and what is in them."""
