"""The sample bot: holds one session at the gateway, as a Discord bot does. Ready when the gateway says so."""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

GATEWAY = os.environ.get("GATEWAY", "gateway:7000")
TOKEN = "sample"
READY_FILE = Path(os.environ.get("READY_FILE", "/tmp/ready"))  # noqa: S108 - the container's own
BACKOFF_SECONDS = 0.5


async def session():
    """One session, from hello to its end."""
    host, _, port = GATEWAY.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        version = Path(os.environ.get("VERSION_FILE", "/srv/VERSION")).read_text().strip()
        writer.write(json.dumps({"op": "identify", "token": TOKEN, "version": version}).encode() + b"\n")
        while line := await reader.readline():
            message = json.loads(line)
            print(json.dumps({"gateway": message}), flush=True)
            if message["op"] == "ready":
                READY_FILE.touch()
            if message["op"] == "refused":
                return
    finally:
        READY_FILE.unlink(missing_ok=True)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def stay_connected():
    while True:
        try:
            await session()
        except OSError as error:
            print(json.dumps({"gateway": f"unreachable: {error}"}), flush=True)
        await asyncio.sleep(BACKOFF_SECONDS)


async def main():
    running = asyncio.ensure_future(stay_connected())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    asyncio.run(main())
