"""The options of Traefik's router and load balancer that the stack file hands on. Traefik ignores the case of keys.

Traefik drops a whole file with a key that it does not know, so the keys are checked here.
https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/router/
https://doc.traefik.io/traefik/reference/routing-configuration/http/load-balancing/service/
"""

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

UNKNOWN_KEY = "unknown_key"
"""The kind of error whose context has the wrong `key`."""


def _switched(value: Any) -> Any:
    """`true` stands for a mapping without options, `false` for no TLS."""
    if isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, dict):
        raise ValueError("should be true, false or a mapping of options for Traefik's router")  # noqa: TRY004
    return value


def _cookie(value: Any) -> Any:
    """Labels say `sticky.cookie=true`."""
    return {} if str(value).lower() == "true" else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        names = [str(field.alias) for field in cls.model_fields.values()]
        known = {name.lower(): name for name in names}
        for key in value:
            if str(key).lower() not in known:
                near = get_close_matches(str(key).lower(), known, n=1)
                hint = f"write {known[near[0]]}" if near else f"the keys are {', '.join(known.values())}"
                raise PydanticCustomError(UNKNOWN_KEY, "is not a known key: {hint}", {"key": str(key), "hint": hint})
        return {known[str(key).lower()]: each for key, each in value.items()}

    def options(self) -> dict[str, Any]:
        """What the file gives, with the keys as Traefik's documentation writes them."""
        return self.model_dump(by_alias=True, exclude_unset=True)


_Word = Annotated[str, Field(pattern=r"^\S+$")]


class _Domain(_Options):
    main: _Word
    sans: list[_Word] = Field(default_factory=list)


class _Tls(_Options):
    cert_resolver: _Word = ""
    tls_options: _Word = Field("", alias="options")
    domains: list[_Domain] = Field(default_factory=list)


class _Cookie(_Options):
    name: _Word = ""
    secure: bool = False
    http_only: bool = False
    same_site: Annotated[Literal["none", "lax", "strict"], BeforeValidator(_lower)] = "lax"
    max_age: int = 0
    path: Annotated[str, Field(pattern=r"^/\S*$")] = "/"
    domain: _Word = ""


class _Sticky(_Options):
    cookie: Annotated[_Cookie, BeforeValidator(_cookie)] = Field(default_factory=_Cookie)


def _given(options: _Options | None) -> dict[str, Any] | None:
    return None if options is None else options.options()


TlsOptions = Annotated[_Tls | None, BeforeValidator(_switched), AfterValidator(_given)]
"""Becomes a mapping, or None without TLS."""
StickyOptions = Annotated[_Sticky | None, AfterValidator(_given)]
