"""A service of a release's Compose model as the spec of a Docker Swarm service. Pure functions."""
