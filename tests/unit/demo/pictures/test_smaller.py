import struct
import zlib

from deploy.demo.pictures.smaller import SIGNATURE, indexed

RED, BLUE = b"\xff\0\0", b"\0\0\xff"


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Name and data of each chunk, whose checksum is checked."""
    found, at = [], len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + data),)
        found.append((name, data))
        at += 12 + length
    return found


def test_picture_with_a_palette_has_its_rows() -> None:
    png = indexed(2, 3, RED + BLUE, bytes([0, 1, 1, 0, 1, 1]))
    assert png.startswith(SIGNATURE)
    parts = dict(chunks(png))
    assert list(parts) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert parts[b"IHDR"] == bytes([0, 0, 0, 2, 0, 0, 0, 3, 8, 3, 0, 0, 0])
    assert parts[b"PLTE"] == RED + BLUE
    assert zlib.decompress(parts[b"IDAT"]) == bytes([0, 0, 1, 0, 1, 0, 0, 1, 1])
