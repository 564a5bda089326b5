"""Options whose file or image is not kept with a release."""

from typing import Any

import pytest

from workers.definition.unkept import unkept

DIGEST = "sha256:" + "0" * 64


def refused(service: dict[str, Any], moved: tuple[str, ...] = ("web-blue",)) -> list[str]:
    return list(unkept({"services": {"web-blue": service}}, moved))


@pytest.mark.parametrize("option", ["seccomp:./seccomp.json", "seccomp=profiles/web.json", " seccomp:web.json"])
def test_seccomp_profile_of_the_stack_is_refused(option: str) -> None:
    (problem,) = refused({"security_opt": ["no-new-privileges:true", option]})
    assert problem.startswith(f"web-blue: security_opt has {option}, ")
    assert "absolute path" in problem


@pytest.mark.parametrize(
    "option",
    ["seccomp=unconfined", "seccomp:builtin", "seccomp=/etc/docker/web.json", "apparmor=web", "label:disable"],
)
def test_option_without_a_file_of_the_stack_is_accepted(option: str) -> None:
    assert refused({"security_opt": [option]}) == []


@pytest.mark.parametrize(("source", "refusals"), [("assets:1", 1), (f"team/assets@{DIGEST}", 0)])
def test_mounted_image_needs_a_digest(source: str, refusals: int) -> None:
    problems = refused({"volumes": [{"type": "image", "source": source, "target": "/assets"}]})
    assert len(problems) == refusals
    assert all("volumes has the image assets:1" in problem for problem in problems)


def test_other_mounts_and_services_are_not_judged() -> None:
    assert (
        refused({"volumes": [{"type": "bind", "source": "/a", "target": "/a"}, {"type": "volume", "source": "b"}]})
        == []
    )
    assert refused({"security_opt": ["seccomp:./a.json"]}, moved=()) == []


@pytest.mark.parametrize("hook", ["post_start", "pre_stop"])
def test_hook_of_compose_is_refused(hook: str) -> None:
    (problem,) = refused({hook: [{"command": ["./warm-up.sh"]}]})
    assert problem.startswith(f"web-blue: {hook} would not run each time")
    assert refused({hook: []}) == []


@pytest.mark.parametrize("part", ["secrets", "configs"])
@pytest.mark.parametrize("source", ["content", "environment"])
def test_file_to_copy_into_a_read_only_container_is_refused(part: str, source: str) -> None:
    service: dict[str, Any] = {"read_only": True, part: [{"source": "token"}, {"source": "key"}]}
    model = {"services": {"web-blue": service}, part: {"token": {source: "x"}, "key": {"file": "/key"}}}
    (problem,) = unkept(model, ["web-blue"])
    assert problem.startswith(f"web-blue: {part}/token has `{source}:`, and it cannot be copied")
    service |= {"read_only": False, "build": {"secrets": [{"source": "token"}]}}
    assert list(unkept(model, ["web-blue"])) == []
    service |= {"read_only": True, part: []}
    assert list(unkept(model, ["web-blue"])) == [], "a build reads its own secrets"
