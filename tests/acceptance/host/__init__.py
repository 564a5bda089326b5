"""Shared parts of the tests that follow a page of docs/ on a host: shell, tools, images, observers."""
