"""The production stack on one machine: docs/install.md followed word by word, with images that are made here."""
