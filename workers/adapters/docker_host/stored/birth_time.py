"""When a file was made. Its inode number alone does not identify it: a filesystem gives the number of a deleted file to
a new one.

https://man7.org/linux/man-pages/man2/statx.2.html. `os.statx` is in Python 3.15 and later.
"""

import os
import struct
from pathlib import Path

_BIRTH_TIME = 0x800
"""STATX_BTIME: the kernel is asked for it, and says so in its answer if the filesystem has it."""

_RELATIVE_TO_CWD = -100
_ANSWER_BYTES = 256
_MASK_AT, _BIRTH_AT = 0, 80
"""The offsets of `stx_mask` and `stx_btime` in `struct statx`, which are the same on every architecture."""


def birth_time(path: Path) -> int | None:
    """In nanoseconds since 1970, of the file that a link leads to.

    None if the C library, the kernel or the filesystem does not have it, or if the file is missing.
    """
    import ctypes  # noqa: PLC0415 - only what reads mounted files needs it

    statx = getattr(ctypes.CDLL(None), "statx", None)
    answer = ctypes.create_string_buffer(_ANSWER_BYTES)
    if statx is None or statx(_RELATIVE_TO_CWD, os.fsencode(path), 0, _BIRTH_TIME, answer):
        return None
    (mask,) = struct.unpack_from("=I", answer, _MASK_AT)
    seconds, nanoseconds = struct.unpack_from("=qI", answer, _BIRTH_AT)
    return seconds * 10**9 + nanoseconds if mask & _BIRTH_TIME else None
