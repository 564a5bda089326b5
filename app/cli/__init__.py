"""The operator's command line; it talks to the internal listener and touches nothing itself."""
