"""Docker Swarm: one instance of the engine's port is one slot of a Swarm service."""
