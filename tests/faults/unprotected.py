"""`bin/faults --unprotected`: removes each protection from a copy of this checkout and expects its row to fail.

A row that still holds without its protection proves nothing: make the row stricter, or drop the protection.
"""

import ast
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.demo.processes import ROOT
from tests.faults.environments import NO_ENVIRONMENT

ROW_SECONDS = 1200.0
PRODUCT = ("app", "workers")
SHOWN, CHARACTERS = 3, 300
"""How many problems are printed for each protection, and how many characters of each."""


@dataclass(frozen=True)
class Edit:
    """Replaces `old` by `new` in the definition of `symbol` below `tops`; `old` must occur once, with any line breaks.

    A symbol is the end of a dotted name, such as `Class.method` or `module.function`, long enough to be unique: so a
    definition may move to another package.
    """

    symbol: str
    old: str
    new: str
    tops: tuple[str, ...] = PRODUCT

    def make(self, root: Path) -> Path:
        """Edits the copy at `root`; returns the file. Raises ValueError unless `symbol` and its `old` occur once."""
        file, text = self.fits(root)
        file.write_text(text)
        return file

    def fits(self, root: Path) -> tuple[Path, str]:
        """The file and its edited text. Raises ValueError unless `symbol` and its `old` occur once."""
        file, node = self._find(root)
        text = file.read_text()
        lines = text.splitlines(keepends=True)
        before, after = "".join(lines[: node.lineno - 1]), "".join(lines[node.end_lineno :])
        pattern = r"\s+".join(map(re.escape, self.old.split()))
        body, times = re.subn(pattern, lambda _: self.new, "".join(lines[node.lineno - 1 : node.end_lineno]))
        if times != 1:
            raise ValueError(f"{self.symbol} has {self.old!r} {times} times")
        return file, before + body + after

    def _find(self, root: Path) -> tuple[Path, ast.stmt]:
        end, name = f".{self.symbol}", self.symbol.rpartition(".")[2]
        defines = re.compile(rf"^(?:{name}\s*=|\s*(?:async\s+)?def\s+{name}\b)".encode(), re.MULTILINE)
        files = {file: content(file) for top in self.tops for file in python_files(root / top)}
        # To parse all of them takes a second, to match all of them a tenth of it.
        likely = [Path(file) for file, text in files.items() if name.encode() in text and defines.search(text)]
        found = [(file, node) for file in likely for name, node in _definitions(root, file) if f".{name}".endswith(end)]
        if len(found) != 1:
            raise ValueError(f"{self.symbol} is defined {len(found)} times")
        return found[0]


def python_files(top: Path) -> list[str]:
    """The modules below a directory. Not as Path objects, whose making takes longer than the search."""
    found = os.walk(top)
    return sorted(f"{where}/{name}" for where, _, names in found for name in names if name.endswith(".py"))


def content(file: str) -> bytes:
    with open(file, "rb", buffering=0) as opened:  # noqa: PTH123 - hundreds of files at once
        return opened.read()


@functools.cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _definitions(root: Path, file: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Yields the methods, functions and constants of a module with their dotted names."""
    module = ".".join(file.relative_to(root).with_suffix("").parts)
    for node in _parsed(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            yield from ((f"{module}.{node.name}.{method.name}", method) for method in methods)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{module}.{node.name}", node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield f"{module}.{node.targets[0].id}", node


@dataclass(frozen=True)
class Protection:
    """A protection that row `row` tests; `edits` remove it. `at_first`: without it no first release goes live."""

    row: int
    what: str
    edits: tuple[Edit, ...]
    at_first: bool = False


@dataclass(frozen=True)
class Seen:
    """The result of the row without `protection`: `problems` is what did not hold, empty if everything held.

    `not_played`: the reason if the row was not played.
    """

    protection: Protection
    problems: tuple[str, ...] = ()
    not_played: str = ""

    @property
    def shown(self) -> bool:
        return bool(self.problems) and not self.not_played

    def line(self) -> str:
        if self.not_played:
            verdict = f"WAS NOT PLAYED: {self.not_played}"
        else:
            verdict = "fails, as it should" if self.shown else "STILL HOLDS: the row does not show this protection"
        head = f"{self.protection.row:2}  without {self.protection.what}: {verdict}"
        return "\n".join([head, *(f"        {problem[:CHARACTERS]}" for problem in self.problems[:SHOWN])])


def _protection(row: int, what: str, *edits: tuple[str, str, str], at_first: bool = False) -> Protection:
    return Protection(row, what, tuple(Edit(*edit) for edit in edits), at_first)


_RECOVERY = ("Reconciler._end_left_over", "await recover(run)", "pass")
_CREATED = "await self._compose.create(definition.path, service, len(before) + missing, self._stack.times.start, env)"
_CREATED_AGAIN = f"""try:
            {_CREATED}
        except EngineFailed:
            {_CREATED.replace("missing", "missing + 1")}"""

PROTECTIONS: Sequence[Protection] = (
    _protection(1, "recovery", _RECOVERY),
    _protection(
        2,
        "continuing an interrupted rollback",
        (
            "recovery.recover",
            "return await undo(run, Interrupted(",
            "return left if left.reason_code else await undo(run, Interrupted(",
        ),
    ),
    _protection(3, "stopping on SIGTERM", ("workers.main.run", "(number, working.cancel)", "(number, int)")),
    _protection(
        4,
        "the check of the epoch",
        ("FileJournal.fence", "if stale:", "if False:"),
        ("FileJournal._keep", "if current not in self._own:", "if False:"),
    ),
    _protection(
        5,
        "503 when a release could not be recorded",
        (
            "Receiver._take",
            "return _not_recorded(event, away)",
            'return DeliveryOutcome(ACCEPTED, {"status": "accepted"}, "accepted")',
        ),
    ),
    _protection(
        6,
        "the comparison with the live and the decided releases",
        ("decision._against_live", "[r for r in at if not rule.not_newer(r.dated, live.dated)]", "list(at)"),
        ("decision._against_live", "        if rule.not_newer(r.dated, live.dated)", "        if r is None"),
        ("State.known_keys", " | set(self.decided)", ""),
    ),
    _protection(
        7,
        "rebuilding from what runs",
        ("Reconciler.start", "await rebuild(self._stack, self._ports)", "False"),
    ),
    _protection(
        8,
        "treating a lost engine as an interruption",
        ("Run._cause", "self.ports.engine.times_away > away_before", "False"),
    ),
    _protection(
        9,
        "looking before creating again after an unknown outcome",
        ("DockerContainers._create_beside", _CREATED, _CREATED_AGAIN),
    ),
    _protection(
        10,
        "Compose's exit code",
        ("ComposeProgram._obey", "if finished.ok:", "if finished.code is not None:"),
    ),
    _protection(
        11,
        "the journal's reserve",
        (
            "FileJournal._write",
            "if error.errno != errno.ENOSPC or not self._reserve.exists():",
            "if error.errno:",
        ),
    ),
    _protection(
        12,
        "the guard of the route file",
        (
            "drift.restore",
            "stands = color is None or await route.stands(color, state.route_id, stack=stack)",
            "stands = True",
        ),
    ),
    _protection(
        12,
        "asking each route of a service",
        (
            "probe_request.all_route_requests",
            "for request in route_requests(stack, service)",
            "for request in route_requests(stack, service)[:1]",
        ),
    ),
    _protection(
        13,
        "the confirmation of the route, and the rollout id in probes",
        ("routes.switch_route", "await health.confirm_route(run, run.rollout.id, run.stack)", "pass"),
        ("health._wait_routed", "mine = answer.ok and answer.rollout == run.rollout.id", "mine = answer.ok"),
        (
            "Bake._watch_route",
            "good = answer.ok and answer.rollout == self._run.rollout.id",
            "good = answer.ok",
        ),
    ),
    _protection(
        14,
        "the rollout id in the route's answers",
        ("route_file._router", '"middlewares": [name, *route.middlewares, *again],', '"middlewares": [],'),
        at_first=True,
    ),
    _protection(
        15,
        "the check of the answers that clients get",
        ("bake.bake", "group.create_task(client_traffic.watch(run, until))", "pass"),
    ),
    _protection(
        16,
        "the alarms for a live color that died",
        ("LiveCopies._of", "*self._restarted(service, running), ", ""),
        ("LiveCopies._of", 'return [Alarm("live_color_down"', 'return [] and [Alarm("live_color_down"'),
    ),
    _protection(
        17,
        "the wait for the old bot's end",
        (
            "singletons._retire",
            "await _stop_for_good(run, singleton, instance)",
            '__import__("asyncio").create_task(_stop_for_good(run, singleton, instance))',
        ),
    ),
    _protection(
        18,
        "recognizing a duplicate release",
        ("releases._ACCEPT", "if known then return known end", ""),
        ("releases._ACCEPT", "if floor and tonumber(id) <= tonumber(floor) then return 'forgotten' end", ""),
        ("State.known_keys", " | set(self.decided)", ""),
    ),
    _protection(19, "the body's deadline", ("body.BODY_SECONDS", "BODY_SECONDS = 5.0", "BODY_SECONDS = 500.0")),
    _protection(
        20,
        "the signature's form",
        (
            "headers.signature_in",
            "if len(signatures) != 1 or not _SIGNATURE.fullmatch(signatures[0]):",
            "if not signatures:",
        ),
    ),
    _protection(
        21,
        "the refusal of a moved tag",
        ("mirror_commands.fetch_command", 'forced = "+" if moved else ""', 'forced = "+"'),
    ),
    _protection(
        22,
        "both limits of a fetch",
        ("GitSource.__init__", "self._fetch_seconds = fetch_seconds", "self._fetch_seconds = 3600.0"),
        ("pipeline.preparation", "releases.fetch, times.fetch, retried=True)", "releases.fetch, 3600.0)"),
    ),
    _protection(
        23,
        "monotonic deadlines",
        ("SystemClock.monotonic", "return time.monotonic()", "return time.time()"),
    ),
    _protection(
        24,
        "keeping the pause across a restart",
        (
            "State.take_over",
            "return replace(self, epoch=self.epoch + 1)",
            "return replace(self, epoch=self.epoch + 1, paused=False)",
        ),
    ),
    _protection(
        25,
        "the rename",
        ("files.replace_durably", "staged.replace(path)", "path.write_bytes(content)"),
    ),
    _protection(26, "recovery", _RECOVERY),
    _protection(
        27,
        "the published model of what is live",
        ("releases.prune", "await run.ports.engine.publish(definition_of(run), run.target)", "pass"),
    ),
    _protection(
        28,
        "hiding secrets",
        ("redaction._redacted", "return without_forms(needles.replaced(text, HIDDEN), HIDDEN)", "return text"),
    ),
    _protection(
        28,
        "learning what Compose reads",
        ("model_secrets.learn_model", "learn(await in_file_thread(_secrets_of, model, frozenset(but)))", "pass"),
    ),
    _protection(
        29,
        "the containers' own names as servers",
        (
            "route_file._hosts_in",
            "routed.copies.get(routed.color, {}).get(service.name) or (service.colors[routed.color],)",
            "(service.colors[routed.color],)",
        ),
    ),
    _protection(
        30,
        "digests in the kept definition",
        ("ReleaseImages.obtain", "return with_images(model, digests, names)", "return model"),
        (
            "service_images.is_fixed",
            'return BUILD in service or AT_DIGEST in str(service.get("image", "")) or is_of_this_machine(service)',
            "return True",
        ),
    ),
)


def take_out(protections: Iterable[Protection], host: str, jobs: int, report: Callable[[Seen], None]) -> bool:
    """Plays each row without its protection, `jobs` at once, on the engine at `host`; whether every row failed."""

    def play(protection: Protection) -> Seen:
        seen = _play(protection, host)
        report(seen)
        return seen

    with ThreadPoolExecutor(jobs) as pool:
        seen = list(pool.map(play, protections))  # plays all of them, also after a failure
    return all(one.shown for one in seen)


def _play(protection: Protection, host: str) -> Seen:
    with without(protection) as root:
        # The copy's modules come before those installed in the environment.
        env = {**os.environ, "PYTHONPATH": str(root), "DOCKER_HOST": host}
        words = [sys.executable, "-m", "tests.faults", str(protection.row), "--json", "--slow", "3"]
        played = subprocess.run(
            words, cwd=root, env=env, text=True, stdout=subprocess.PIPE, check=False, timeout=ROW_SECONDS
        )
    try:
        result = json.loads(played.stdout)
    except ValueError:
        return Seen(protection, not_played=f"bin/faults ended with exit code {played.returncode}")
    return seen_in(result, protection)


def seen_in(result: Mapping[str, Any], protection: Protection) -> Seen:
    """Reads the output of `bin/faults --json`; an environment that did not start proves nothing about the row."""
    problems = tuple(result["problems"])
    no_environment = next((p for p in problems if p.startswith(NO_ENVIRONMENT) and not protection.at_first), "")
    if why := result["skipped"] or no_environment:
        return Seen(protection, not_played=why)
    return Seen(protection, problems)


@contextmanager
def without(protection: Protection, directories: Sequence[str] = ("",)) -> Iterator[Path]:
    """A copy of this checkout, or of those directories of it, without the protection."""
    with edited(protection.edits, directories) as root:
        yield root


@contextmanager
def edited(edits: Iterable[Edit], directories: Sequence[str] = ("",)) -> Iterator[Path]:
    """A copy of this checkout, or of those directories of it, with the edits."""
    with copied(directories) as root:
        for edit in edits:
            edit.make(root)
        yield root


@contextmanager
def copied(directories: Sequence[str] = ("",)) -> Iterator[Path]:
    """A copy of this checkout, or of those directories of it."""
    with tempfile.TemporaryDirectory(prefix="zu-unprotected-") as name:
        root = Path(name)
        for directory in directories:
            shutil.copytree(ROOT / directory, root / directory, ignore=_left_out, dirs_exist_ok=True)
        yield root


def _left_out(directory: str, names: list[str]) -> list[str]:
    """Hidden files, and other bytecode than this interpreter's. It belongs to a file's time of change, which is kept.

    So the processes in the copy compile only what was edited.
    """
    if Path(directory).name == "__pycache__":
        return [name for name in names if not name.endswith(f".{sys.implementation.cache_tag}.pyc")]
    return [name for name in names if name.startswith(".")]
