"""The sample bot: holds one session at the gateway, as a Discord bot does. Ready when the gateway sends `ready`."""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

GATEWAY = os.environ.get("GATEWAY", "gateway:7000")
TOKEN = "sample"
READY_FILE = Path(os.environ.get("READY_FILE", "/tmp/ready"))  # noqa: S108 - the container's own
MISSED_HEARTBEATS = 3
LEAST_BACKOFF_SECONDS, MOST_BACKOFF_SECONDS = 0.25, 2.0


async def session():
    """Runs one session, from hello to its end. Returns whether it was ever ready."""
    host, _, port = GATEWAY.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        hello = json.loads(await reader.readline() or "{}")
        if "heartbeat_seconds" in hello:
            return await talk(reader, writer, hello["heartbeat_seconds"])
        return False
    finally:
        READY_FILE.unlink(missing_ok=True)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def talk(reader, writer, interval):
    version = Path(os.environ.get("VERSION_FILE", "/srv/VERSION")).read_text().strip()
    say(writer, op="identify", token=TOKEN, version=version)
    beating, ready = asyncio.ensure_future(heartbeats(writer, interval)), False
    try:
        while line := await asyncio.wait_for(reader.readline(), MISSED_HEARTBEATS * interval):
            message = json.loads(line)
            if message["op"] != "ack":
                print(json.dumps({"gateway": message}), flush=True)
            if message["op"] == "ready":
                READY_FILE.touch()
                ready = True
        return ready
    finally:
        beating.cancel()


async def heartbeats(writer, interval):
    while True:
        await asyncio.sleep(interval)
        say(writer, op="heartbeat")


def say(writer, **message):
    writer.write(json.dumps(message).encode() + b"\n")


async def stay_connected():
    backoff = LEAST_BACKOFF_SECONDS
    while True:
        ready = False
        try:
            ready = await session()
        except (OSError, TimeoutError, ValueError) as error:
            print(json.dumps({"gateway": f"lost: {type(error).__name__} {error}"}), flush=True)
        backoff = LEAST_BACKOFF_SECONDS if ready else min(backoff * 2, MOST_BACKOFF_SECONDS)
        await asyncio.sleep(backoff)


async def main():
    running = asyncio.ensure_future(stay_connected())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    asyncio.run(main())
