"""Working stand-ins for the ports, small enough to be read; tested themselves in tests/unit/fakes."""
