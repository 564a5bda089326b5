"""Working in-memory implementations of the ports; tests/unit/fakes tests them."""
