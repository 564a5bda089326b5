"""The take-over of a running stack of the first user's shape: its files, its client, its host."""
