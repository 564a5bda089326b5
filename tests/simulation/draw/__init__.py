"""Draws a schedule from a seed."""

from tests.simulation.draw.schedules import draw

__all__ = ["draw"]
