import pytest

from app.cli.init.project.interpolation import with_defaults


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("plain", "plain"),
        ("${A:-x}:${B-y}", "x:y"),
        ("${A:-${B:-deep}}", "deep"),
        ("${A:-${B}/c}", "${B}/c"),
        ("${A:-}", ""),
        ("${A:+set}", ""),
        ("${A:?give it}:/x", "${A}:/x"),
        ("${A}", "${A}"),
        ("$A", "$A"),
        ("$${A:-x}", "$${A:-x}"),
        ("${SOCKET:-/var/run/docker.sock}:/var/run/docker.sock", "/var/run/docker.sock:/var/run/docker.sock"),
    ],
)
def test_interpolation_applies_only_defaults(text: str, resolved: str) -> None:
    assert with_defaults(text) == resolved


def test_interpolation_covers_values_but_not_keys() -> None:
    model = {"${K:-k}": ["${A:-1}", 2, {"x": "${B:-y}"}], "none": None}
    assert with_defaults(model) == {"${K:-k}": ["1", 2, {"x": "y"}], "none": None}
