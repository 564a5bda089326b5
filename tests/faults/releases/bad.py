"""Releases that are bad in more ways than the demo's: edits of the source tree before its commit."""

from collections.abc import Callable
from pathlib import Path

from deploy.demo.repository import replace_in

Edit = Callable[[Path], None]

CALL = "            status, answer = await self.answer("
THROUGH_TRAEFIK = 'if "x-forwarded-for" in headers'
NOT_ROUTED = f"            {THROUGH_TRAEFIK}:\n                path = '/nowhere'\n"
NOT_FOR_CLIENTS = f"""            {THROUGH_TRAEFIK} and path != self.health_path:
                writer.write(response(503, self.about(error="broken"), True))
                await writer.drain()
                return
"""
DIES = f"            {THROUGH_TRAEFIK}:\n                asyncio.get_running_loop().call_later({{0}}, os._exit, 1)\n"


def _in_service(tree: Path, lines: str) -> None:
    replace_in(tree / "common" / "http_service.py", CALL, lines + CALL)


def slow_build(seconds: int) -> Edit:
    def edit(tree: Path) -> None:
        file = tree / "skills" / "Dockerfile"
        file.write_text(f"{file.read_text()}RUN sleep {seconds}\n")

    return edit


def never_healthy(tree: Path) -> None:
    replace_in(tree / "skills" / "app.py", "HEALTHY = True", "HEALTHY = False")


def healthy_after(seconds: float) -> Edit:
    """A good release that becomes healthy after `seconds`."""

    def edit(tree: Path) -> None:
        replace_in(tree / "skills" / "app.py", "lambda: HEALTHY", f"lambda: time.monotonic() > BEGAN + {seconds}")
        replace_in(tree / "skills" / "app.py", "import asyncio", "import asyncio\nimport time")
        replace_in(tree / "skills" / "app.py", "HEALTHY = True", "BEGAN = time.monotonic()")

    return edit


def flapping(tree: Path) -> None:
    """Alternates between healthy and unhealthy: never healthy as often in a row as the updater requires."""
    healthy = "lambda: next(TURNS)"
    replace_in(tree / "skills" / "app.py", "lambda: HEALTHY", healthy)
    replace_in(tree / "skills" / "app.py", "import asyncio", "import asyncio\nimport itertools")
    replace_in(tree / "skills" / "app.py", "HEALTHY = True", "TURNS = itertools.cycle([True, False])")


def healthy_but_not_routed(tree: Path) -> None:
    """Passes its health check, but answers 404 to requests through Traefik."""
    _in_service(tree, NOT_ROUTED)


def wrong_for_clients(tree: Path) -> None:
    """Passes every health check, through Traefik too, but refuses every client request."""
    _in_service(tree, NOT_FOR_CLIENTS)


def dies_after_the_flip(seconds: float) -> Edit:
    """Dies `seconds` after its first request through Traefik."""

    def edit(tree: Path) -> None:
        _in_service(tree, DIES.format(seconds))

    return edit


def crashing_bot(tree: Path) -> None:
    replace_in(tree / "bot" / "bot.py", "    asyncio.run(main())", "    raise SystemExit(1)")


def deaf_bot(tree: Path) -> None:
    """Never ready, and ignores SIGTERM."""
    replace_in(tree / "bot" / "bot.py", 'TOKEN = "sample"', 'TOKEN = "revoked"')
    replace_in(tree / "bot" / "bot.py", "(number, running.cancel)", "(number, print)")


def slow_to_stop(seconds: int) -> Edit:
    """A good release whose bot takes `seconds` to end after SIGTERM."""

    def edit(tree: Path) -> None:
        ends = f"(number, lambda: asyncio.get_running_loop().call_later({seconds}, running.cancel))"
        replace_in(tree / "bot" / "bot.py", "(number, running.cancel)", ends)

    return edit


def good_but_deaf_bot(tree: Path) -> None:
    """Ready and healthy, but ignores SIGTERM."""
    replace_in(tree / "bot" / "bot.py", "(number, running.cancel)", "(number, print)")
