"""Sends traces of the rollouts to an OpenTelemetry collector, from a thread of its own."""
