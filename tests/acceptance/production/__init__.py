"""The production stack on one machine: docs/install.md followed word for word, with locally built images."""
