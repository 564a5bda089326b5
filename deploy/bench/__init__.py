"""What the updater costs, measured against a named reference in the same run. `bin/bench` runs it."""
