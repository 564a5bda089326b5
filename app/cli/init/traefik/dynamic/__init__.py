"""What Traefik reads again: files and labels with routers, services and middlewares."""
