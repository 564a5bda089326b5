"""Containers that ran before the updater: found, recorded, and started again."""
