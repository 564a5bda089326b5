"""The worker: everything that touches the machine."""
