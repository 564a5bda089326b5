"""Reads YAML that an operator wrote."""

import re
from typing import Any

import yaml

_BLANK_LINES = re.compile(r"(?: *(?:#[^\0\r\n\x85\u2028\u2029]*)?\n)+")


class _Loader(yaml.SafeLoader):
    """As SafeLoader, which skips comments character by character. In a stack file that takes most of the time."""

    def scan_to_next_token(self) -> None:
        if self.stream is None and (blank := _BLANK_LINES.match(self.buffer, self.pointer)):
            self.index += blank.end() - self.pointer
            self.line += self.buffer.count("\n", self.pointer, blank.end())
            self.pointer, self.column = blank.end(), 0
            self.allow_simple_key = self.allow_simple_key or not self.flow_level
        super().scan_to_next_token()


def read_yaml(text: str) -> Any:
    """As yaml.safe_load, also in its errors: yaml.YAMLError, and ValueError for an impossible date."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
