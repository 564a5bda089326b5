"""Plays the product on its ports under chance: READ schedule.py first, then player.py and invariants.py."""
