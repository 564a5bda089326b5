"""Random secrets in an operator's files, releases that print them in every form, and what nobody may read then."""

import base64
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from deploy.demo.repository import replace_in
from tests.faults.releases.bad import Edit

BEGINNING = "# canaries\n"
SECOND_ENV = "second.env"
PRINTER = "canaries.py"
VARIABLES = ("DEMO_API_TOKEN", "DEMO_SIGNING_KEY", "DEMO_STRIPE", "DEMO_SECOND_PASS", "DEMO_WHOLE_TOKEN")

_PRINTER = """
import base64, html, json, os, shlex, sys
from pathlib import Path
from urllib.parse import quote, quote_plus

where = {where!r}
values = [os.environ[name] for name in {names!r} if name in os.environ]
values += [Path(file).read_text().strip() for file in sys.argv[1:]]
for value in values:
    data, login = value.encode(), ("user:" + value).encode()
    coded = [code(text).decode() for code in (base64.b64encode, base64.urlsafe_b64encode) for text in (data, login)]
    escaped = [json.dumps(value), repr(value), shlex.quote(value), html.escape(value), value.replace("$", "$$")]
    print(where, value, quote(value), quote(value, safe=""), quote_plus(value), *escaped, *coded, flush=True)
"""
IN_BUILD, BEFORE_FLIP, IN_BOT = "build:", "command:", "bot:"
"""The first word of each printed line: where it is printed."""

FAILS = "raise SystemExit(1)\n"


def _secret() -> str:
    """Begins with what is sought; the rest makes most of its forms differ."""
    return f"canary-{secrets.token_hex(12)}/+&<$x>"


@dataclass(frozen=True)
class Canaries:
    """Values by where they are: `.env` with a comment, a quoted key of several lines, a name that says nothing, a
    second env file, a part of another value, a secret's file, the remote's URL.
    """

    token: str = field(default_factory=_secret)
    line: str = field(default_factory=_secret)
    stripe: str = field(default_factory=lambda: f"sk_live_{secrets.token_hex(12)}")
    second: str = field(default_factory=_secret)
    part: str = field(default_factory=_secret)
    filed: str = field(default_factory=_secret)
    password: str = field(default_factory=lambda: f"canary-{secrets.token_hex(12)}")

    @property
    def key(self) -> str:
        return f"-----BEGIN CANARY-----\n{self.line}\n-----END CANARY-----"

    def write(self, live: Path) -> None:
        """Writes the operator's files in the live directory, also over those of earlier canaries."""
        env = live / ".env"
        values = {
            "DEMO_API_TOKEN": f"'{self.token}' # note",
            "DEMO_SIGNING_KEY": '"' + self.key.replace("$", "\\$") + '"',
            "DEMO_STRIPE": self.stripe,
            "DEMO_PART": f"'{self.part}'",
        }
        lines = "".join(f"{name}={value}\n" for name, value in values.items())
        env.write_text(f"{env.read_text().partition(BEGINNING)[0]}{BEGINNING}{lines}")
        (live / SECOND_ENV).write_text(f"DEMO_SECOND_PASS='{self.second}' # note\n")
        (live / "canary.txt").write_text(self.token)
        (live / "secrets").mkdir(exist_ok=True)
        (live / "secrets" / "build-token").write_text(f"{self.filed}\n")

    def needles(self) -> dict[str, str]:
        """What must not be found anywhere, with the name under which it is reported."""
        places = {".env": self.token, "key": self.key, "form": self.stripe, "second env file": self.second}
        places |= {"composed": self.part, "secret's file": self.filed, "URL": self.password}
        found = {_sought(value): f"<{where}>" for where, value in (places | {"key": self.line}).items()}
        for where, value in places.items():
            for before in ("", "user:"):
                # Without the ends, which depend on what is around the secret.
                coded = base64.b64encode(f"{before}{value}".encode()).decode()[12:-6]
                found |= {coded: f"<{where}, base64>", coded.translate(_URL_SAFE): f"<{where}, base64>"}
        return found


_URL_SAFE = str.maketrans("+/", "-_")


def _sought(value: str) -> str:
    """The part of a canary that is the same in every form but base64."""
    return value.partition("/")[0]


def _printer(where: str) -> str:
    return _PRINTER.format(names=VARIABLES, where=where)


def printed(*, build: str = "true", command: str = "", bot: str = "") -> Edit:
    """A release that prints the secrets that it is given: in its build, before its flip, in its bot's own check.

    `build` follows the build's printing, as a shell command; `command` and `bot` end the other two, as Python.
    """

    def edit(tree: Path) -> None:
        compose = tree / "docker-compose.yml"
        _hand_out(compose)
        for service, where, end in (("skills", BEFORE_FLIP, command), ("bot", IN_BOT, bot)):
            (tree / service / PRINTER).write_text(_printer(where) + end)
            dockerfile = tree / service / "Dockerfile"
            dockerfile.write_text(f"{dockerfile.read_text()}COPY {service}/{PRINTER} ./\n")
        new = f"# {secrets.token_hex(8)}\n"  # secrets are no part of the build's cache key: an old layer prints nothing
        (tree / "skills" / "build_canaries.py").write_text(new + _printer(IN_BUILD))
        replace_in(tree / "skills" / "Dockerfile", "USER 65532", f"{_BUILD_STEP} && {build}\nUSER 65532")
        if bot:
            own = """test: [CMD, python3, -IS, -c, "import os; os.stat('/tmp/ready')"]"""
            replace_in(compose, own, f"test: [CMD, python3, {PRINTER}]")

    return edit


_BUILD_STEP = (
    "RUN --mount=type=secret,id=canary,mode=0444 --mount=type=secret,id=token,mode=0444"
    " --mount=type=bind,source=skills,target=/src"
    " python3 /src/build_canaries.py /run/secrets/canary /run/secrets/token"
)


def _hand_out(compose: Path) -> None:
    """The secrets go to skills and the bot as variables, and to the build of skills as build secrets."""
    given = ", ".join(f'{name}: "${{{name}}}"' for name in VARIABLES[:-1]) + f', {VARIABLES[-1]}: "${{DEMO_PART}}"'
    for color in ("blue", "green"):
        before = f"{{COLOR: {color}, OPERATOR"
        replace_in(compose, before, f"{{{given}, {before[1:]}")
    replace_in(compose, "  bot:\n", f"  bot:\n    environment: {{{given}}}\n")
    named = "    dockerfile: skills/Dockerfile\n"
    replace_in(compose, named, f"{named}    secrets: [canary, token]\n")
    files = "  canary: {file: ./canary.txt}\n  token: {file: ./secrets/build-token}\n"
    compose.write_text(f"{compose.read_text()}\nsecrets:\n{files}")


def printed_by_a_crash(tree: Path) -> None:
    """A release whose bot prints its secrets and ends."""
    printed()(tree)
    replace_in(tree / "bot" / "bot.py", "    asyncio.run(main())", f"    import canaries\n\n    {FAILS}")
