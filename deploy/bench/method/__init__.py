"""The method of every benchmark: contenders that run in turns, clients, what the kernel counts, and figures."""
