import pytest

from deploy.outdated.versions import newest


@pytest.mark.parametrize(
    ("current", "offered", "line", "expected"),
    [
        ("7.4.6", ["7.4.6", "7.4.9", "7.4.11", "8.0.1"], 2, "7.4.11"),
        ("16.11", ["16.9", "16.12", "17.8", "16"], 1, "16.12"),
        ("0.13.0", ["0.13.5", "0.14.3", "1.0.0"], 1, "0.14.3"),
        ("2025.11.1", ["2025.9.9", "2026.1.0"], 0, "2026.1.0"),
        ("v3.7.15", ["v3.7.16", "3.7.17", "v3.8.0"], 2, "v3.7.16"),
        ("v1.16.1-unprivileged", ["v1.16.3", "v1.16.2-unprivileged", "v1.16.4-gpu"], 2, "v1.16.2-unprivileged"),
        ("7.4.6", ["7.4.7-alpine", "7.4.8-rc1", "7.4", "latest", "sha-7.4.9"], 2, "7.4.6"),
        ("3.12-slim-bookworm", ["3.12.9-slim-bookworm", "3.13-slim-bookworm", "3.12-slim"], 2, "3.12-slim-bookworm"),
        ("7.4.6", [], 2, "7.4.6"),
        ("7.4.6", ["7.4.5"], 2, "7.4.6"),
        ("latest", ["latest", "1.0.0"], 2, "latest"),
    ],
)
def test_newest_version_of_the_line(current: str, offered: list[str], line: int, expected: str) -> None:
    assert newest(current, offered, line) == expected
