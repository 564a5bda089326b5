"""What both processes agree on, and the HTTP face."""
