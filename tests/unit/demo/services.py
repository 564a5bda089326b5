"""The sample stack's services as processes on free ports of this machine."""

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.demo.repository import CONTENT

LIMIT = 120.0
VERSION = "v9.9.9"


@asynccontextmanager
async def service(script: str, directory: Path, **env: str) -> AsyncIterator[Process]:
    """Run `script` of the sample stack; the end of the block kills it if it still runs."""
    version = directory / "VERSION"
    version.write_text(f"{VERSION}\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CONTENT / script),
        env={**os.environ, "PYTHONPATH": str(CONTENT / "common"), "VERSION_FILE": str(version), **env},
        stdout=PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def printed_value(process: Process, key: str) -> Any:
    """The value of `key` in the next output line that has it. Raises TimeoutError after LIMIT seconds."""
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT):
        while line := await process.stdout.readline():
            message = json.loads(line)
            if key in message:
                return message[key]
    raise EOFError(f"the process ended without printing {key}")


async def exit_code(process: Process) -> int:
    """The exit code. Raises TimeoutError after LIMIT seconds."""
    async with asyncio.timeout(LIMIT):
        return await process.wait()
