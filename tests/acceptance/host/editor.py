"""Stands in for the operator's editor: fills the given file with the values in OPERATOR_VALUES (JSON)."""

import json
import os
import re
import sys
from pathlib import Path


def edited(name: str, text: str, value: object) -> str:
    """Sets each name in `.env`, also a commented default; replaces each top-level key in `stack.yml`.

    Any other file becomes the value.
    """
    if not isinstance(value, dict):
        return f"{value}\n"
    for key, content in value.items():
        if name == ".env":
            text = re.sub(rf"^#? ?{key}=.*$", f"{key}={content}", text, flags=re.MULTILINE)
        else:
            text = re.sub(rf"^{key}:.*\n(?:[ #].*\n|\n(?=[ ]))*", "", text, flags=re.MULTILINE)
            text += f"\n{key}: {json.dumps(content)}\n"
    return text


def main() -> None:
    file = Path(sys.argv[1])
    text = file.read_text() if file.exists() else ""
    file.write_text(edited(file.name, text, json.loads(os.environ["OPERATOR_VALUES"])[file.name]))


if __name__ == "__main__":
    main()
