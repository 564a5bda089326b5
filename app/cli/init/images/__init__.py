"""What a service's image says of itself: its Dockerfile, and the local image."""
