"""Services of a Compose model that call a routed service by a name, so that they may keep calling its old color."""
