import pytest

from workers.adapters.git_repo.lfs.pointer import LARGEST, POINTER_BYTES, Pointer, pointer_in

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
VERSION = "version https://git-lfs.github.com/spec/v1\n"
FIELDS = f"oid sha256:{OID}\nsize 12345\n"


def test_pointer_of_the_specification_is_read() -> None:
    assert pointer_in(f"{VERSION}{FIELDS}".encode()) == Pointer(OID, 12345)
    assert pointer_in(f"version https://hawser.github.com/spec/v1\n{FIELDS}".encode()) == Pointer(OID, 12345)


def test_line_ends_of_a_checkout_do_not_matter() -> None:
    assert pointer_in(f"{VERSION}{FIELDS}".replace("\n", "\r\n").encode()) == Pointer(OID, 12345)
    assert pointer_in(f"{VERSION}{FIELDS}".rstrip().encode()) == Pointer(OID, 12345)


def test_unknown_keys_are_ignored_and_extensions_are_not() -> None:
    assert pointer_in(f"{VERSION}{FIELDS}x-key value\n".encode()) == Pointer(OID, 12345)
    extended = pointer_in(f"{VERSION}ext-0-crypt sha256:{OID}\n{FIELDS}".encode())
    assert extended == Pointer(OID, 12345, extended=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "weights",
        FIELDS,
        VERSION,
        f"{FIELDS}{VERSION}",
        f"\n{VERSION}{FIELDS}",
        f"version https://git-lfs.github.com/spec/v9\n{FIELDS}",
        f"{VERSION}oid md5:{OID}\nsize 1\n",
        f"{VERSION}oid sha256:{OID[1:]}\nsize 1\n",
        f"{VERSION}oid sha256:{OID.upper()}\nsize 1\n",
        f"{VERSION}oid sha256:{OID}\n",
        f"{VERSION}oid sha256:{OID}\nsize -1\n",
        f"{VERSION}oid sha256:{OID}\nsize {LARGEST + 1}\n",
        f"{VERSION}oid sha256:{OID}\nsize ten\n",
        f"{VERSION}{FIELDS}Not a field\n",
        f"{VERSION}{FIELDS}x {'y' * POINTER_BYTES}\n",
    ],
)
def test_other_content_is_no_pointer(text: str) -> None:
    assert pointer_in(text.encode()) is None


def test_binary_content_is_no_pointer() -> None:
    assert pointer_in(VERSION.encode() + b"\xff" + FIELDS.encode()) is None
