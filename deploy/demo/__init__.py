"""The sample stack, the real parts that it runs on, and the clients that load it. For `bin/demo` and the tests."""
