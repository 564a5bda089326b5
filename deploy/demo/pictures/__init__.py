"""Pictures of the dashboard, from a real run."""
