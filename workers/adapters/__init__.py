"""Adapters: one package for each outside system. Its errors are translated there."""
