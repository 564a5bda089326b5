"""What a build sees of its release: tag, submodules, Git LFS files, a secret of the environment. Never a part of it."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.docker.engine import Engine, connected
from deploy.demo.environment import Environment, environment, logs_of
from tests.acceptance.conftest import SHORT
from tests.acceptance.host.images import GIT_BASE, bases
from tests.acceptance.stacks.running import SKILLS, read_in, running_one
from tests.integration.git.lfs.lfs_release import ATTRIBUTES
from tests.integration.git.lfs.lfs_server import LfsGit
from tests.integration.git.private_git import certificate, mirror_that_trusts, need_private_git, serving
from tests.integration.git.repositories import Repository, git

pytestmark = pytest.mark.engine

TOKEN = "to$ken 'of' the host"
WRITTEN = ("/srv/DESCRIBED", "/srv/lib.py", "/srv/model.bin", "/srv/SECRET")
STEP = """\
RUN --mount=type=bind,target=/src --mount=type=secret,id=token \\
    git -c safe.directory=* -C /src describe --tags --dirty >DESCRIBED && cp /src/lib/lib.py /src/model.bin . \\
    && sha256sum </run/secrets/token >SECRET && chmod a+r DESCRIBED lib.py model.bin SECRET
USER 65532"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LfsGit]:
    """Serves the environment's repositories, and Git LFS objects."""
    need_private_git()
    with serving(LfsGit(tmp_path / "environment", certificate(tmp_path), None)) as server:
        yield server


@pytest.fixture
def home(
    engine: Engine, images: tuple[str, str], tmp_path: Path, server: LfsGit, request: pytest.FixtureRequest
) -> Iterator[Environment]:
    """An environment whose base image has git, with the parameter as the stack file's `files`."""
    trusted = tmp_path / "certificate.pem"

    def prepare(home: Environment) -> None:
        file = home.directory / "stack.yml"
        source = {"source": f"{server.url}/{home.repository.path.name}", "files": request.param}
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **source}))
        home.env["SSL_CERT_FILE"] = str(trusted)
        mirror_that_trusts(trusted, home.directory / "data" / "git")
        with (home.live / ".env").open("a") as env:
            env.write(f'BUILD_TOKEN="{TOKEN.replace("$", "$$")}"\n')

    with connected(engine.host) as client:
        bases(client, print)
    _, traefik = images
    with environment(
        tmp_path / "environment", engine, base=GIT_BASE, traefik=traefik, times=SHORT, prepare=prepare
    ) as built:
        yield built
        print(logs_of(built))


def with_parts(lib: Repository, server: LfsGit, text: str) -> Callable[[Path], None]:
    """The release has a submodule and a Git LFS file with `text`, and its build of skills reads all of WRITTEN."""

    def edit(tree: Path) -> None:
        lib.commit({"lib.py": text})
        git(tree, "clone", "--quiet", "../lib", "lib")
        (tree / ".gitmodules").write_text('[submodule "lib"]\n\tpath = lib\n\turl = ../lib\n')
        for name, content in {**ATTRIBUTES, "model.bin": server.store(text.encode())}.items():
            (tree / name).write_text(content)
        dockerfile = tree / "skills" / "Dockerfile"
        dockerfile.write_text(dockerfile.read_text().replace("USER 65532", STEP, 1))
        file = tree / "docker-compose.yml"
        model: dict[str, Any] = yaml.safe_load(file.read_text())
        for name in SKILLS:
            model["services"][name]["build"] = {**model["services"][name]["build"], "secrets": ["token"]}
        file.write_text(yaml.safe_dump({**model, "secrets": {"token": {"environment": "BUILD_TOKEN"}}}))

    return edit


def written_in_skills(home: Environment) -> list[str]:
    return [text.split()[0] for text in read_in(home, running_one(home, *SKILLS), WRITTEN)]


@pytest.mark.parametrize("home", [{"submodules": True, "lfs": True}], indirect=True, ids=["fetched"])
async def test_build_reads_every_part_of_its_release(home: Environment, server: LfsGit) -> None:
    lib, digest = Repository(home.directory / "lib"), hashlib.sha256(TOKEN.encode()).hexdigest()
    for tag, text in (("v1.0.0", "one"), ("v1.1.0", "two")):
        result = await home.go_live(tag, edit=with_parts(lib, server, text))
        assert result["status"] == "success", result["error"]
        assert written_in_skills(home) == [tag, text, text, digest]
    rolled = await home.post("/update/rollback")
    assert rolled.is_success, rolled.text
    await home.ended(rolled.json()["rollout_id"], 300)
    assert written_in_skills(home) == ["v1.0.0", "one", "one", digest]


@pytest.mark.parametrize(
    ("home", "cause", "key"),
    [
        ({"lfs": True}, "lib is a submodule, used by", "submodules: true"),
        ({"submodules": True}, "model.bin is a pointer to a Git LFS file, used by", "lfs: true"),
    ],
    indirect=["home"],
    ids=["submodule", "lfs"],
)
async def test_part_that_is_not_fetched_is_refused_before_a_build(
    home: Environment, server: LfsGit, cause: str, key: str
) -> None:
    edit = with_parts(Repository(home.directory / "lib"), server, "one")
    result = await home.go_live("v1.0.0", edit=edit)
    assert (result["status"], result["reason_code"]) == ("failed", "compose_invalid")
    assert cause in result["error"]
    assert key in result["error"]
    assert "docker_build" not in result["steps_completed"]
    assert home.containers(*SKILLS) == []
