"""The names of the images of a stack's services: pure."""

import hashlib
import re

DIGEST_LENGTH = 8

_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*")
"""https://pkg.go.dev/github.com/distribution/reference#pkg-overview"""

_WORD = re.compile(r"[a-z0-9]+")


def image_repository(project: str, service: str) -> str:
    """`<project>-<service>`. A service with a capital letter, which no image's name may have, gets a digest too."""
    if _COMPONENT.fullmatch(service):
        return f"{project}-{service}"
    plain = "-".join(_WORD.findall(service.lower()))
    return f"{project}-{plain}-{hashlib.sha256(service.encode()).hexdigest()[:DIGEST_LENGTH]}"
