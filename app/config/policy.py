"""The `policy` part of `stack.yml`: who may release, when, and what a release may not use."""

from pathlib import PurePosixPath
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.config.duration import seconds_in
from app.config.windows import check
from app.domain.required_checks import RequiredChecks
from app.domain.stack import Forbid, Policy, Window

Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?$")]
"""A GitHub login, including an app's, such as `github-actions[bot]`."""


SHORTEST, LONGEST = 60.0, 7 * 24 * 3600.0
"""Limits for the length of a window, in seconds: the worker checks once a minute, and most cron expressions repeat
within a week."""


def _absolute(path: str) -> str:
    if not PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("should be an absolute path")
    return path


def _cron(text: str) -> str:
    check(Window(text, 0))
    return text


def _length(text: object) -> float:
    seconds = seconds_in(str(text))
    if not SHORTEST <= seconds <= LONGEST:
        raise ValueError("should be between 1m and 7d")
    return seconds


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("should be a time zone of the IANA database, such as Europe/Berlin") from error
    return name


def _option(name: object) -> Forbid:
    try:
        return Forbid(name)  # type: ignore[arg-type]  # a value that is no string is none of the options
    except ValueError as error:
        raise ValueError(f"should be one of {', '.join(Forbid)}") from error


def _checks(value: object) -> RequiredChecks | None:
    """Reads `true`, `false` or a list of names."""
    if isinstance(value, bool):
        return RequiredChecks() if value else None
    names = value if isinstance(value, list) else []
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("should be true, false, or a list of the names of checks as GitHub shows them")
    return RequiredChecks(tuple(dict.fromkeys(name.strip() for name in names)))


class WindowPart(BaseModel):
    """One window as in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    opens: Annotated[str, AfterValidator(_cron)]
    length: Annotated[float, BeforeValidator(_length)] = Field(alias="for")
    time_zone: Annotated[str, AfterValidator(_zone)] = Window.time_zone

    def window(self) -> Window:
        return Window(self.opens, self.length, self.time_zone)


class PolicyPart(BaseModel):
    """The `policy` part as in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    require_signed_tag: Annotated[str, AfterValidator(_absolute)] | None = None
    allowed_authors: Annotated[list[Login], Field(min_length=1)] | None = None
    require_immutable: bool = False
    windows: tuple[WindowPart, ...] = ()
    forbid: list[Annotated[Forbid, BeforeValidator(_option)]] = Field(default_factory=list)
    require_checks: Annotated[RequiredChecks | None, BeforeValidator(_checks)] = None

    def inside(self, directory: str) -> str | None:
        """The problem if the signers file is inside `directory`, where a release could bring its own; else None."""
        file = self.require_signed_tag
        if file is None or not PurePosixPath(file).is_relative_to(directory):
            return None
        return f"policy/require_signed_tag: should be outside {directory}, where a checkout could change it"

    def policy(self) -> Policy:
        return Policy(
            allowed_signers=self.require_signed_tag,
            allowed_authors=frozenset(login.lower() for login in self.allowed_authors or ()),
            require_immutable=self.require_immutable,
            windows=tuple(part.window() for part in self.windows),
            forbid=frozenset(self.forbid),
            require_checks=self.require_checks,
        )
