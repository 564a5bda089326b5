"""`python -m app.cli`, and the command `updater`."""

import sys

sys.modules["httpx._main"] = None  # type: ignore[assignment] # httpx's own command line, with what it prints with

from app.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
