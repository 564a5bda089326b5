"""Every fault of the table, on real parts, watched by observers that know nothing of the updater's code."""
