from typing import Any

from workers.definition.changes.changed_values import changed_values

MOVED = ("web-blue", "bot")


def model(**bot: Any) -> dict[str, Any]:
    return {"services": {"web-blue": {"environment": {"A": "1"}}, "bot": bot, "db": {"environment": bot}}}


def test_names_of_variables_and_keys_that_differ() -> None:
    kept = model(environment={"SAME": "1", "OLD": "1", "PASSWORD": "a"}, command=["run", "a"], ports=["80"])
    now = model(environment={"SAME": "1", "NEW": "1", "PASSWORD": "b"}, command=["run", "b"], ports=["80"])
    assert changed_values(kept, now, MOVED) == {"bot": ("NEW", "OLD", "PASSWORD", "command")}


def test_what_each_rollout_sets_is_no_difference() -> None:
    kept = model(image="app@sha256:ab", labels={"updater.rollout": "r-1"}, volumes=[{"target": "/data"}])
    now = model(image="app:stable", pull_policy="always", labels={"updater.rollout": "r-2"}, build={"context": "."})
    assert changed_values(kept, now, MOVED) == {}


def test_service_that_one_of_them_lacks_is_left_out() -> None:
    now = model(environment={"A": "2"})
    assert changed_values({"services": {"web-blue": {"environment": {"A": "1"}}}}, now, MOVED) == {}
