"""Reads a service's image: its Dockerfile and the local image."""
