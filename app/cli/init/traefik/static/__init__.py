"""What Traefik reads once, when it starts."""
