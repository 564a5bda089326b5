import compileall
import subprocess
from pathlib import Path

import pytest

from deploy.demo.repository import CONTENT, SERVICES, DemoRepository, Variant


@pytest.fixture
def repository(tmp_path: Path) -> DemoRepository:
    return DemoRepository(tmp_path / "repository")


def git(repository: DemoRepository, *words: str) -> str:
    command = ["git", "-C", str(repository.path), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.strip()


def files(repository: DemoRepository, tag: str) -> set[str]:
    return set(git(repository, "ls-tree", "-r", "--name-only", tag).splitlines())


def changed(repository: DemoRepository, old: str, new: str) -> set[str]:
    return set(git(repository, "diff", "--name-only", old, new).splitlines())


def version(repository: DemoRepository, tag: str, service: str) -> str:
    return git(repository, "show", f"{tag}:{service}/VERSION")


def test_release_is_an_annotated_tag(repository: DemoRepository) -> None:
    sha = repository.release("v1.0.0")
    assert git(repository, "rev-parse", "v1.0.0^{commit}") == sha
    assert git(repository, "cat-file", "-t", "v1.0.0") == "tag"


def test_release_holds_exactly_the_sample_stack(repository: DemoRepository) -> None:
    repository.release("v1.0.0")
    content = {
        str(p.relative_to(CONTENT)) for p in CONTENT.rglob("*") if p.is_file() and p.parent.name != "__pycache__"
    }
    assert files(repository, "v1.0.0") == content


def test_release_changes_only_the_named_services(repository: DemoRepository) -> None:
    repository.release("v1.0.0")
    repository.release("v1.1.0", change=["skills"])
    assert changed(repository, "v1.0.0", "v1.1.0") == {"skills/VERSION"}
    assert [version(repository, "v1.1.0", s) for s in SERVICES] == ["v1.1.0", "v1.0.0", "v1.0.0"]


def test_unchanged_release_is_a_new_commit(repository: DemoRepository) -> None:
    assert repository.release("v1.0.0") != repository.release("v1.0.1", change=[])


@pytest.mark.parametrize(
    ("variant", "file"),
    [
        (Variant.UNHEALTHY, "skills/app.py"),
        (Variant.BROKEN_BUILD, "skills/app.py"),
        (Variant.BOT_FAILS, "bot/bot.py"),
    ],
)
def test_next_good_release_undoes_a_variant(repository: DemoRepository, variant: Variant, file: str) -> None:
    repository.release("v1.0.0")
    repository.release("v1.1.0", variant=variant, change=[])
    repository.release("v1.2.0", change=[])
    assert changed(repository, "v1.0.0", "v1.1.0") == {file}
    assert changed(repository, "v1.0.0", "v1.2.0") == set()


@pytest.mark.parametrize("variant", Variant)
def test_only_the_broken_build_does_not_compile(repository: DemoRepository, variant: Variant) -> None:
    repository.release("v1.0.0", variant=variant)
    assert bool(compileall.compile_dir(repository.path, quiet=2)) == (variant is not Variant.BROKEN_BUILD)


def test_edit_applies_to_one_release_only(repository: DemoRepository) -> None:
    def edit(tree: Path) -> None:
        (tree / "NOTES").write_text("new\n")
        (tree / "gateway" / "VERSION").unlink()

    repository.release("v1.0.0")
    repository.release("v1.1.0", change=[], edit=edit)
    repository.release("v1.2.0", change=[])
    assert changed(repository, "v1.0.0", "v1.1.0") == {"NOTES", "gateway/VERSION"}
    assert changed(repository, "v1.0.0", "v1.2.0") == set()


def test_global_git_configuration_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = Somebody\n[tag]\n\tgpgSign = true\n[commit]\n\tgpgSign = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    repository = DemoRepository(tmp_path / "repository")
    repository.release("v1.0.0")
    monkeypatch.delenv("GIT_DIR")
    assert git(repository, "log", "-1", "--format=%an <%ae>") == "Demo <demo@example.invalid>"


def test_duplicate_tag_is_refused(repository: DemoRepository) -> None:
    repository.release("v1.0.0")
    with pytest.raises(subprocess.CalledProcessError):
        repository.release("v1.0.0")
