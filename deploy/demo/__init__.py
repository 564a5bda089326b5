"""The sample stack, the real parts that it runs on, and the clients that load it. `bin/demo` and the tests use it."""
