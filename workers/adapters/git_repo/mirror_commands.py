"""Git's command lines for the mirror, and the settings with which all of them run: pure."""

ENV = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "LC_ALL": "C",
}
_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.fsmonitor": "false",
    "safe.directory": "*",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.followRedirects": "false",  # git would send the credential to the other server, and believe its answer
}
SAFE = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]


def fetch_command(url: str, tag: str, *, moved: bool = False) -> list[str]:
    """Fetches exactly one tag under its own name. Git refuses a tag that moved, unless `moved` allows that."""
    forced = "+" if moved else ""
    return ["fetch", "--no-tags", "--no-recurse-submodules", "--", url, f"{forced}refs/tags/{tag}:refs/tags/{tag}"]


def list_command(url: str, tag: str) -> list[str]:
    """Lists the tag, and under `^{}` what an annotated tag points to."""
    return ["ls-remote", "--exit-code", "--", url, f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}"]


def resolve_command(tag: str) -> list[str]:
    return ["rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/tags/{tag}^{{commit}}"]
