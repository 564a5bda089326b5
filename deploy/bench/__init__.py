"""Measures what the updater costs, against a named reference in the same run. `bin/bench` runs it."""
