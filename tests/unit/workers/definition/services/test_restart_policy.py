"""The restart policy of a service, and the one that keeps a stopped container stopped."""

from typing import Any

import pytest

from workers.definition.services.restart_policy import held, restart_policy


@pytest.mark.parametrize(
    ("service", "name", "times"),
    [
        ({}, "no", 0),
        ({"restart": "no"}, "no", 0),
        ({"restart": "unless-stopped"}, "unless-stopped", 0),
        ({"restart": "on-failure"}, "on-failure", 0),
        ({"restart": "on-failure:3"}, "on-failure", 3),
        ({"deploy": {"restart_policy": {"condition": "on-failure", "max_attempts": 2}}}, "on-failure", 2),
        ({"deploy": {"restart_policy": {"condition": "none"}}, "restart": "always"}, "no", 0),
        ({"deploy": {"restart_policy": {"condition": "any"}}, "restart": "no"}, "always", 0),
        ({"deploy": {"replicas": 2}, "restart": "unless-stopped"}, "unless-stopped", 0),
    ],
)
def test_deploy_comes_before_restart(service: dict[str, Any], name: str, times: int) -> None:
    assert restart_policy(service) == {"Name": name, "MaximumRetryCount": times}


@pytest.mark.parametrize(
    ("policy", "ended", "stops", "wanted"),
    [
        ("always", False, False, "unless-stopped"),
        ("always", False, True, "unless-stopped"),
        ("always", True, False, "no"),
        ("on-failure", False, False, "on-failure"),  # it runs, and may have to be started again
        ("on-failure", False, True, "no"),
        ("on-failure", True, False, "no"),
        ("unless-stopped", False, True, "unless-stopped"),
        ("unless-stopped", True, False, "no"),
        ("no", True, True, "no"),
    ],
)
def test_engine_does_not_start_what_is_stopped(policy: str, ended: bool, stops: bool, wanted: str) -> None:
    assert held(policy, ended=ended, stops=stops) == wanted
