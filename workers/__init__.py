"""The worker: the only part of the updater that changes anything on the machine."""
