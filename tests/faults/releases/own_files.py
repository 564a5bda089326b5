"""Releases that run with files of their own: a mount, a config and an env file, each with the release's version.

Every service of such a release ends at its start if one of them has another version than its image. So a release that
runs with the files of another one never becomes healthy, and the row that shows it fails.
"""

from pathlib import Path
from typing import Any

from deploy.demo.repository import SERVICES, DemoRepository, replace_in
from tests.faults.releases.bad import Edit

MOUNTED, CONFIG, VARIABLE = "/etc/release/mounted", "/etc/release/config", "RELEASE"

_VERSION = 'Path(os.environ.get("VERSION_FILE", "/srv/VERSION")).read_text().strip()'

_CHECK = f'''

def own(version):
    """The version, which each of the release's own files must have too."""
    found = {{path: Path(path).read_text().strip() for path in ({MOUNTED!r}, {CONFIG!r})}}
    found[{VARIABLE!r}] = os.environ.get({VARIABLE!r})
    if wrong := {{name: value for name, value in found.items() if value != version}}:
        raise SystemExit(f"{{version}} runs with the files of another release: {{wrong}}")
    return version

'''

_HEADS = {"skills": "x-skills: &skills\n", "api": "x-api: &api\n", "bot": "  bot:\n"}
"""Where each service begins in the sample stack's Compose file."""


def _options(service: str) -> str:
    return (
        f"env_file: [{service}/release.env]\n"
        f'volumes: ["./{service}/mounted:{MOUNTED}:ro"]\n'
        f"configs: [{{source: {service}, target: {CONFIG}}}]\n"
    )


def add_own_files(tree: Path) -> None:
    """Gives each service of the sample stack in `tree` its own files, and the check of them."""
    compose = tree / "docker-compose.yml"
    for service in SERVICES:
        version = (tree / service / "VERSION").read_text()
        (tree / service / "release.env").write_text(f"{VARIABLE}={version}")
        for name in ("mounted", "config"):
            (tree / service / name).write_text(version)
        indent = "    " if service == "bot" else "  "
        lines = "".join(f"{indent}{line}\n" for line in _options(service).splitlines())
        replace_in(compose, _HEADS[service], _HEADS[service] + lines)
    files = "".join(f"  {service}: {{file: ./{service}/config}}\n" for service in SERVICES)
    compose.write_text(f"{compose.read_text()}\nconfigs:\n{files}")
    shared, bot = tree / "common" / "http_service.py", tree / "bot" / "bot.py"
    replace_in(shared, f"self.version = {_VERSION}", f"self.version = own({_VERSION})")
    replace_in(shared, "\n\nclass Service:", f"{_CHECK}\nclass Service:")
    replace_in(bot, "\n\nasync def main():\n", f"{_CHECK}\nasync def main():\n    own({_VERSION})\n")


class WithOwnFiles(DemoRepository):
    """A repository whose releases have files of their own; `edit` follows them."""

    def release(self, tag: str, *, edit: Edit | None = None, **more: Any) -> str:
        def both(tree: Path) -> None:
            add_own_files(tree)
            if edit:
                edit(tree)

        return super().release(tag, edit=both, **more)
