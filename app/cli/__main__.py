"""`python -m app.cli`, and the command `updater`."""

import gc
import sys

from app.loading import HTTPX_COMMAND

gc.set_threshold(50_000)  # a command is short: collections would take a sixth of it, and find nothing
sys.modules[HTTPX_COMMAND] = None  # type: ignore[assignment]

from app.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
