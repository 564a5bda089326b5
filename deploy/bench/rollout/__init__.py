"""The benchmark `rollout`: releases of stacks with one and with several routed services."""
