"""The updater's own containers."""
