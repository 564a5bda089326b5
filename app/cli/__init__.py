"""The operator's command line. It calls the internal listener and changes nothing itself."""
