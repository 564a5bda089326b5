"""The images of releases, and the registries that they come from."""
