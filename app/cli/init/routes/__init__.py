"""The routes of each pair of colors, as Traefik serves them now."""
