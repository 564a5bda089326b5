"""The part `traefik/redis` of the stack file: where several Traefiks read the same routes."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from app.config.part import Part
from app.config.urls import valid_redis_url
from app.domain.stack import RoutesInRedis

PASSWORD = "UPDATER_TRAEFIK_REDIS_PASSWORD"  # noqa: S105 - its name
"""The setting with the password of that Redis."""


def _url(value: str) -> str:
    if urlsplit(value).password or urlsplit(value).username:
        raise ValueError(f"should have no user and no password: set the password with {PASSWORD}")
    return valid_redis_url(value)


def _root(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", value):
        raise ValueError("should be Traefik's `providers.redis.rootKey`, such as traefik")
    return value


class RedisPart(Part):
    """The Redis that every Traefik reads (`providers.redis`)."""

    url: Annotated[str, AfterValidator(_url)]
    root: Annotated[str, AfterValidator(_root)] = RoutesInRedis.root

    def routes(self) -> RoutesInRedis:
        return RoutesInRedis(self.url, self.root)
