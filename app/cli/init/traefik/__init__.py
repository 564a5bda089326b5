"""Traefik as the project runs it: its static configuration, and the routes that it serves."""
