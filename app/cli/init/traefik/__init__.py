"""Reads the project's Traefik: its static configuration and its routes."""
