"""Limits of requests that the command line shows in its help."""

HISTORY_DEFAULT, HISTORY_MOST = 20, 200
"""How many entries of the history a call returns."""
