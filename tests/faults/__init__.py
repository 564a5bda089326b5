"""The fault table: each row runs on real parts, and its observers do not import the updater's code."""
