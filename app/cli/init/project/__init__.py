"""Reads an existing Compose project: its model, and facts about each service. Changes no file."""
