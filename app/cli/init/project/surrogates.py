"""Finds text that no file can be named with: half of a character, which YAML and JSON can write as `\\ud800`. Pure."""

from typing import Any


def path_of_no_text(value: Any, path: str = "") -> str | None:
    """The path of the first such text in the model `value`; None without one. Raises RecursionError for a loop."""
    if isinstance(value, str):
        return None if is_text(value) else path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in parts:
        if not is_text(str(key)):
            return f"a key of {path or 'the file'}"
        if (found := path_of_no_text(each, f"{path}/{key}".lstrip("/"))) is not None:
            return found
    return None


def is_text(value: str) -> bool:
    """Whether `value` can be encoded."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
