"""Lists the pinned images and packages that have a newer version of the same line."""
