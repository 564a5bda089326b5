"""Adapters: one package for each outside system, which translates the system's errors."""
