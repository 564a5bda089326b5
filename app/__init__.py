"""Code that both processes share, and the HTTP API."""
