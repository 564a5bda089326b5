from typing import Any

import pytest

from tests.examples import a_stack
from workers.inspect.leftovers import leftovers
from workers.ports import Seen, Survey

STACK = a_stack(retired=("old",))


def seen(service: str, state: str) -> Seen:
    return Seen(service, state, None, "image", None, None, (), {}, name=f"shop-{service}-1")


def survey(**change: Any) -> Survey:
    fields: dict[str, Any] = {
        "containers": (seen("api", "running"),),
        "images_bytes": 0,
        "build_cache_bytes": 0,
        "versions": {},
        "own_mounts": None,
        "by_hand": {"api": "image"},
    }
    return Survey(**fields | change)


def test_service_without_leftovers_has_no_remedy() -> None:
    (left,) = leftovers(STACK, survey())
    assert (left.service, left.found, left.remedies) == ("old", (), ())
    assert leftovers(a_stack(), survey(retired=("old",))) == []


@pytest.mark.parametrize(("state", "runs"), [("running", True), ("restarting", True), ("exited", False)])
def test_running_leftover_gets_a_removal_command(state: str, runs: bool) -> None:
    (left,) = leftovers(STACK, survey(containers=(seen("api", "running"), seen("old", state))))
    assert (left.remedies == ("Stop and remove it: docker stop shop-old-1 && docker rm shop-old-1",)) is runs


def test_sources_of_a_restart_are_reported() -> None:
    (left,) = leftovers(STACK, survey(by_hand={"old": "image"}, retired=("old",)))
    assert left.found == (
        "a plain `docker compose up` in /srv/shop would start old",
        "the live release's Compose file still has old, which the updater leaves out",
    )
    assert len(left.remedies) == 2


def test_missing_compose_file_is_no_finding() -> None:
    assert leftovers(STACK, survey(by_hand=None))[0].found == ()
