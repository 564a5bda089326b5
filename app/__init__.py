"""What both processes share, and the HTTP API."""
