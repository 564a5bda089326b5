"""Reads Git LFS pointers. https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""

import re
from dataclasses import dataclass

POINTER_BYTES = 1024
"""A pointer is smaller."""

LARGEST = 2**63 - 1
"""The most bytes that a file can have."""

_VERSIONS = {"version https://git-lfs.github.com/spec/v1", "version https://hawser.github.com/spec/v1"}
_FIELD = re.compile(r"(?P<key>[a-z0-9.-]+) (?P<value>.+)")
_OID = re.compile(r"sha256:(?P<oid>[0-9a-f]{64})")
_SIZE = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True)
class Pointer:
    """`oid`: the SHA-256 of the content, in hexadecimal. `size`: in bytes. `extended`: another program changed it."""

    oid: str
    size: int
    extended: bool = False


def pointer_in(content: bytes) -> Pointer | None:
    """The pointer that a file with `content` is; None if it is none, as for Git LFS itself."""
    if len(content) >= POINTER_BYTES:
        return None
    try:
        first, *others = content.decode().splitlines() or [""]
    except UnicodeDecodeError:
        return None
    found = [_FIELD.fullmatch(line) for line in others]
    fields = {each["key"]: each["value"] for each in found if each}
    oid, size = _OID.fullmatch(fields.get("oid", "")), _SIZE.fullmatch(fields.get("size", ""))
    if first not in _VERSIONS or None in found or not oid or not size or int(size[0]) > LARGEST:
        return None
    return Pointer(oid["oid"], int(size[0]), extended=any(key.startswith("ext-") for key in fields))
