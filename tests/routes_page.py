"""The stack files that docs/routes.md shows."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "routes.md").read_text()

SHOWN = dict(re.findall(r"^## (.+?)\n.*?^```yaml\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL))
"""By the title of their section."""
