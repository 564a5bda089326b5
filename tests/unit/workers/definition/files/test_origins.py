"""Each file of a release's model comes from where it should, or the release is refused by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.stack import FileRules
from workers.definition.files.origins import Located, locate
from workers.definition.files.roots import Roots
from workers.ports import FileUse, Origin

MOVED = ("web",)
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    """The release has `conf/` and `site.conf`; the live directory has `data/`, `token`, and other files of `conf/`."""
    tree, live = tmp_path / "trees" / "abc", tmp_path / "live"
    for file in (tree / "conf" / "a.conf", tree / "site.conf", live / "conf" / "a.conf", live / "data" / "x"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{file.parts[-3]}\n")
    (tree / "Dockerfile").write_text("FROM scratch\n")
    (live / "token").write_text("t")
    return Roots(tree, live)


def bind(path: str | Path, *, read_only: bool = True) -> dict[str, Any]:
    return {"type": "bind", "source": str(path), "target": "/x", "read_only": read_only}


def located(roots: Roots, *volumes: dict[str, Any], service: str = "web", **more: Any) -> Located:
    services = {service: {"volumes": list(volumes)}, **more.pop("services", {})}
    return locate({"services": services, **more}, roots, MOVED)


def sources(found: Located, service: str = "web") -> list[str]:
    return [volume["source"] for volume in found.model["services"][service]["volumes"]]


def ruled(roots: Roots, **rules: Any) -> Roots:
    return Roots(roots.tree, roots.live, FileRules(**rules))


@pytest.mark.parametrize("path", ["site.conf", "conf", "conf/a.conf"])
def test_read_only_file_of_the_release_is_the_releases(roots: Roots, path: str) -> None:
    found = located(roots, bind(roots.tree / path))
    assert (sources(found), found.problems) == ([str(roots.tree / path)], ())
    assert found.files == (FileUse(path, Origin.RELEASE, "web", "volumes"),)
    another = f"web uses the release's {path}. {roots.live} has another version of it (a.conf)"
    assert [warning.startswith(another) for warning in found.warnings] == ([] if path == "site.conf" else [True])


@pytest.mark.parametrize("file", ["secret.key", "deep/secret.key"])
def test_directory_with_files_of_the_host_needs_a_decision(roots: Roots, file: str) -> None:
    """The release's alone would be incomplete, and so may the live directory's be."""
    (roots.tree / "conf" / "deep").mkdir()
    (roots.live / "conf" / file).parent.mkdir(exist_ok=True)
    (roots.live / "conf" / file).write_text("k")
    (problem,) = located(roots, bind(roots.tree / "conf")).problems
    assert f"also has files that the release does not have ({file})" in problem
    assert "files/release to do without them, or to files/live to mount" in problem
    assert located(ruled(roots, live=("conf",)), bind(roots.tree / "conf")).problems == ()
    assert located(ruled(roots, release=("conf",)), bind(roots.tree / "conf")).problems == ()
    unmoved = located(roots, bind(roots.tree / "conf"), service="traefik")
    assert (sources(unmoved, "traefik"), unmoved.problems) == ([str(roots.live / "conf")], ())


@pytest.mark.parametrize("own", ["conf", "conf/updater-shop.yml"])
def test_directory_that_the_updater_writes_to_is_the_operators(roots: Roots, own: str) -> None:
    """Traefik's watched directory may be committed, but the routes that count are those in the live directory."""
    watched = replace(roots, written=(roots.live / own,))
    found = located(watched, bind(roots.tree / "conf"), service="traefik")
    assert (sources(found, "traefik"), found.problems, found.warnings) == ([str(roots.live / "conf")], (), ())


def test_file_that_only_the_host_has_is_the_operators(roots: Roots) -> None:
    found = located(roots, bind(roots.tree / "token"), bind(roots.tree / "data"))
    assert sources(found) == [str(roots.live / "token"), str(roots.live / "data")]
    assert (found.problems, found.warnings) == ((), ())


def test_path_of_the_host_stays_one(roots: Roots) -> None:
    """`${PWD}/conf`, or the live directory's own path. The release's version is named if it differs."""
    found = located(roots, bind(roots.live / "conf"), bind(roots.live / "data"))
    assert (sources(found), found.problems) == ([str(roots.live / "conf"), str(roots.live / "data")], ())
    (warning,) = found.warnings
    assert "because the Compose file has its absolute path. That copy differs from the release's (a.conf)" in warning


def test_whole_live_directory_needs_no_decision(roots: Roots) -> None:
    """The updater's own worker mounts it."""
    found = located(roots, bind(roots.live))
    assert (sources(found), found.problems, found.warnings) == ([str(roots.live)], (), ())


def test_writable_mount_of_the_whole_stack_is_named(roots: Roots) -> None:
    found = located(roots, bind(roots.tree, read_only=False))
    assert (sources(found), found.problems) == ([str(roots.live)], ())
    assert "(Dockerfile, conf/a.conf, site.conf)" in found.warnings[0]


def test_path_elsewhere_is_unchanged(roots: Roots) -> None:
    other = f"{roots.live}-2/x"
    assert sources(located(roots, bind("/etc/localtime"), bind(other))) == ["/etc/localtime", other]


def test_file_that_a_container_may_write_to_is_never_the_releases(roots: Roots) -> None:
    """It is named if it differs: it may be an old one."""
    found = located(roots, bind(roots.tree / "conf", read_only=False))
    assert (sources(found), found.problems) == ([str(roots.live / "conf")], ())
    (warning,) = found.warnings
    for part in ("web mounts conf from", "differs from the release's (a.conf)", "`:ro`", "files/live"):
        assert part in warning


@pytest.mark.parametrize(("written", "read"), [("conf", "conf/a.conf"), ("conf/a.conf", "conf"), ("conf", "conf")])
def test_path_that_another_container_writes_to_is_the_operators(roots: Roots, written: str, read: str) -> None:
    other = {"other": {"volumes": [bind(roots.tree / written, read_only=False)]}}
    assert sources(located(roots, bind(roots.tree / read), services=other)) == [str(roots.live / read)]


@pytest.mark.parametrize(("written", "read"), [("store", "way"), ("way", "store"), ("store", "way/a")])
def test_link_to_a_written_path_is_the_operators(roots: Roots, written: str, read: str) -> None:
    """The release's copy would not have what the container writes."""
    for root in (roots.tree, roots.live):
        (root / "store").mkdir()
        (root / "store" / "a").write_text("1")
        (root / "way").symlink_to("store")
    found = located(roots, bind(roots.tree / written, read_only=False), bind(roots.tree / read))
    assert sources(found) == [str(roots.live / written), str(roots.live / read)]


def test_equal_file_in_the_live_directory_needs_no_warning(roots: Roots) -> None:
    (roots.live / "conf" / "a.conf").write_bytes((roots.tree / "conf" / "a.conf").read_bytes())
    (roots.tree / "conf" / ".gitkeep").write_text("")
    assert located(roots, bind(roots.tree / "conf", read_only=False)).warnings == ()


def test_path_that_is_missing_is_refused(roots: Roots) -> None:
    found = located(roots, bind(roots.tree / "site.cnf"), bind(roots.tree / "uploads", read_only=False))
    assert [problem.partition(":")[0] for problem in found.problems] == ["site.cnf (web)", "uploads (web)"]
    assert all(f"neither the release nor {roots.live} has it" in problem for problem in found.problems)


def test_writable_file_that_only_the_release_has_says_what_to_write(roots: Roots) -> None:
    (problem,) = located(roots, bind(roots.tree / "site.conf", read_only=False)).problems
    assert "mount it read-only (`:ro`)" in problem


def test_service_that_does_not_move_refuses_nothing(roots: Roots) -> None:
    found = located(roots, bind(roots.tree / "nowhere"), service="postgres")
    assert (found.problems, len(found.warnings)) == ((), 1)


def test_engine_creates_nothing_for_a_moved_service(roots: Roots) -> None:
    """Of another service, the option is part of a definition that a plain `docker compose up` compares."""
    other = {"postgres": {"volumes": [bind(roots.tree / "data")]}}
    found = located(roots, bind(roots.tree / "data"), bind("/srv/other"), services=other).model["services"]
    assert [v.get("bind") for v in found["web"]["volumes"]] == [{"create_host_path": False}] * 2
    assert found["postgres"]["volumes"] == [bind(roots.live / "data")]


def test_stack_file_overrides_the_origin(roots: Roots) -> None:
    found = located(ruled(roots, live=("conf",)), bind(roots.tree / "conf" / "a.conf"))
    assert (sources(found), found.warnings) == ([str(roots.live / "conf" / "a.conf")], ())
    found = located(ruled(roots, release=("conf",)), bind(roots.tree / "conf" / "a.conf"))
    assert (sources(found), found.problems) == ([str(roots.tree / "conf" / "a.conf")], ())


def test_release_rule_for_a_written_path_is_refused(roots: Roots) -> None:
    found = located(ruled(roots, release=("conf",)), bind(roots.tree / "conf", read_only=False))
    assert "the updater deletes old releases. Mount it read-only" in found.problems[0]
    found = located(ruled(roots, release=("data",)), bind(roots.tree / "data"))
    assert "but the release does not have it" in found.problems[0]


@pytest.mark.parametrize("target", ["/etc/hostname", "../../live/token", "nowhere"])
def test_link_that_leads_out_of_the_release_is_refused(roots: Roots, target: str) -> None:
    (roots.tree / "link").symlink_to(target)
    assert "leads out of the release" in located(roots, bind(roots.tree / "link")).problems[0]


@pytest.mark.parametrize("read_only", [True, False])
def test_link_to_the_hosts_disk_can_be_meant(roots: Roots, read_only: bool) -> None:
    """A tracked link, for example `data -> /mnt/big`: in the live directory it leads where the operator wants it."""
    for root in (roots.tree, roots.live):
        (root / "big").symlink_to("/mnt/big")
    meant = roots if not read_only else ruled(roots, live=("big",))
    found = located(meant, bind(roots.tree / "big", read_only=read_only))
    assert (sources(found), found.problems, found.warnings) == ([str(roots.live / "big")], (), ())


def test_link_inside_the_release_is_followed(roots: Roots) -> None:
    (roots.tree / "link").symlink_to("site.conf")
    assert located(roots, bind(roots.tree / "link")).problems == ()


@pytest.mark.parametrize("part", ["configs", "secrets"])
def test_files_of_configs_and_secrets_have_an_origin_too(roots: Roots, part: str) -> None:
    files = {name: {"file": str(roots.tree / name)} for name in ("site.conf", "token", "nowhere", "unused")}
    used = [{"source": name} for name in ("site.conf", "token", "nowhere")]
    found = locate({"services": {"web": {part: used}}, part: files}, roots, MOVED)
    assert [each["file"] for each in found.model[part].values()] == [
        str(roots.tree / "site.conf"),
        str(roots.live / "token"),
        str(roots.live / "nowhere"),
        str(roots.tree / "unused"),
    ]
    assert [problem.partition(" ")[0] for problem in found.problems] == ["nowhere"]


def test_device_of_a_volume_is_the_operators(roots: Roots) -> None:
    options = {"type": "none", "o": "bind", "device": str(roots.tree / "data")}
    found = locate({"services": {}, "volumes": {"v": {"driver_opts": options}, "w": None}}, roots, MOVED)
    assert found.model["volumes"]["v"]["driver_opts"]["device"] == str(roots.live / "data")


def built(roots: Roots, **build: Any) -> Located:
    return locate({"services": {"web": {"build": build}}}, roots, MOVED)


@pytest.mark.parametrize("root", ["tree", "live"])
def test_build_reads_the_release(roots: Roots, root: str) -> None:
    at = getattr(roots, root)
    more = {"conf": str(at / "conf"), "base": "docker-image://python:3.12", "other": "service:api"}
    build = built(roots, context=str(at), additional_contexts=more)
    assert build.problems == ()
    assert build.model["services"]["web"]["build"] == {
        "context": str(roots.tree),
        "additional_contexts": more | {"conf": str(roots.tree / "conf")},
    }


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        ({"context": "/usr/share/base"}, "outside the release"),
        ({"context": "{tree}/../other"}, "outside the release"),
        ({"context": "{live}-2"}, "outside the release"),
        ({"context": "{live}/data"}, "which the release does not have"),
        ({"context": "{tree}", "dockerfile": "Dockerfile.prod"}, "build/dockerfile is Dockerfile.prod"),
        ({"context": "{tree}", "dockerfile": "../Dockerfile"}, "outside the release"),
        ({"context": "{tree}", "additional_contexts": {"a": "/opt/x"}}, "additional_contexts/a is /opt/x"),
        ({"context": "{tree}/out"}, "which the release does not have"),
    ],
)
def test_build_that_leaves_the_release_is_refused(roots: Roots, build: dict[str, Any], problem: str) -> None:
    (roots.tree / "out").symlink_to(roots.live)
    context = build["context"].format(tree=roots.tree, live=roots.live)
    found = built(roots, **build | {"context": context})
    assert any(problem in each for each in found.problems), found.problems


def test_build_from_elsewhere_is_unchanged(roots: Roots) -> None:
    found = built(roots, context="https://github.com/octo/shop.git#main")
    assert (found.problems, found.files) == ((), ())
    assert built(roots, context=str(roots.tree / "conf"), dockerfile_inline="FROM x").problems == ()


def test_missing_submodule_is_refused_by_name(roots: Roots) -> None:
    (roots.tree / ".gitmodules").write_text('[submodule "lib"]\n\tpath = vendor/lib\n\turl = ../lib.git\n')
    (roots.tree / "vendor" / "lib").mkdir(parents=True)
    (problem,) = built(roots, context=str(roots.tree)).problems
    assert "vendor/lib is a submodule" in problem
    assert "files/unfetched" in problem
    assert "submodule" in located(roots, bind(roots.tree / "vendor" / "lib")).problems[0]
    assert built(roots, context=str(roots.tree / "conf"), dockerfile_inline="FROM x").problems == ()
    assert built(ruled(roots, unfetched=("vendor",)), context=str(roots.tree)).problems == ()
    (roots.tree / "vendor" / "lib" / "file").write_text("fetched")
    assert built(roots, context=str(roots.tree)).problems == ()


def test_pointer_of_git_lfs_is_refused_by_name(roots: Roots) -> None:
    (roots.tree / "conf" / "model.bin").write_text(POINTER)
    (problem,) = built(roots, context=str(roots.tree)).problems
    assert "conf/model.bin is a pointer to a Git LFS file" in problem
    assert "files: {lfs: true}" in problem
    assert "Git LFS" in located(roots, bind(roots.tree / "conf")).problems[0]
    (roots.tree / "another.bin").write_text(POINTER)
    (problem,) = built(roots, context=str(roots.tree)).problems
    assert problem.startswith("another.bin, conf/model.bin are each a pointer to a Git LFS file, used by web.")
    (roots.tree / "another.bin").unlink()
    assert built(ruled(roots, unfetched=("conf/model.bin",)), context=str(roots.tree)).problems == ()
    (roots.tree / "conf" / "model.bin").write_text(f"The first line of a pointer is:\n{POINTER}")
    assert built(roots, context=str(roots.tree)).problems == ()


def test_link_to_another_version_is_another_version(roots: Roots) -> None:
    for root in (roots.tree, roots.live):
        (root / "prod.conf").write_text(root.name)
        (root / "link.conf").symlink_to("prod.conf")
    (warning,) = located(roots, bind(roots.tree / "link.conf")).warnings
    assert "has another version of it (link.conf)" in warning


def test_dockerfile_of_the_live_directory_is_the_releases(roots: Roots) -> None:
    """It was written with an absolute path, such as `${PWD}/Dockerfile`."""
    build = {"context": str(roots.tree / "conf"), "dockerfile": str(roots.live / "Dockerfile")}
    found = locate({"services": {"web": {"build": build}}}, roots, MOVED)
    assert (found.model["services"]["web"]["build"]["dockerfile"], found.problems) == ("../Dockerfile", ())


@pytest.mark.parametrize(("context", "problem"), [("nowhere", "does not have"), ("../base", "outside the release")])
def test_build_that_another_build_needs_is_checked(roots: Roots, context: str, problem: str) -> None:
    contexts = {"base": "service:base"}
    web = {"build": {"context": str(roots.tree), "additional_contexts": contexts}}
    base = {"build": {"context": str(roots.tree / context)}}
    found, *_ = locate({"services": {"web": web, "base": base}}, roots, MOVED).problems
    assert found.startswith("base: build/context is ")
    assert problem in found


def test_build_that_another_build_needs_is_the_releases(roots: Roots) -> None:
    web = {"build": {"context": str(roots.tree), "additional_contexts": {"base": "service:base"}}}
    (roots.live / "conf" / "Dockerfile").write_text("FROM scratch\n")
    (roots.tree / "conf" / "Dockerfile").write_text("FROM scratch\n")
    base = {"build": {"context": str(roots.live / "conf")}}
    found = locate({"services": {"web": web, "base": base}}, roots, MOVED)
    assert (found.model["services"]["base"]["build"]["context"], found.problems) == (str(roots.tree / "conf"), ())


def test_device_of_a_volume_is_written_to(roots: Roots) -> None:
    """A container writes to it by the volume, so one that reads the same path must not get a copy of the release's."""
    options = {"type": "none", "o": "bind", "device": str(roots.tree / "conf")}
    mounted = {"type": "volume", "source": "up", "target": "/x"}
    volumes: dict[str, Any] = {"volumes": {"up": {"driver_opts": options}}}
    found = located(roots, mounted, bind(roots.tree / "conf"), **volumes)
    assert sources(found)[1] == str(roots.live / "conf")
    read = located(roots, {**mounted, "read_only": True}, bind(roots.tree / "conf" / "a.conf"), **volumes)
    assert sources(read)[1] == str(roots.tree / "conf" / "a.conf")


def test_file_that_git_crypt_encrypted_is_refused_by_name(roots: Roots) -> None:
    (roots.tree / "conf" / "a.conf").write_bytes(b"\0GITCRYPT\0" + b"\1" * 20)
    for found in (
        built(roots, context=str(roots.tree)),
        located(roots, bind(roots.tree / "conf" / "a.conf")),
        located(ruled(roots, release=("conf",)), bind(roots.tree / "conf")),
    ):
        assert found.problems[0].startswith("conf/a.conf is a file that git-crypt encrypted, used by web.")
    from_live = located(ruled(roots, live=("conf/a.conf",)), bind(roots.tree / "conf" / "a.conf"))
    assert (sources(from_live), from_live.problems) == ([str(roots.live / "conf" / "a.conf")], ())
    assert built(ruled(roots, unfetched=("conf",)), context=str(roots.tree)).problems == ()
