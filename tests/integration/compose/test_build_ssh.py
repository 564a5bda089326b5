"""`build/ssh`: the updater has no SSH agent, and Compose cannot print the path of a key as JSON."""

from typing import Any

import pytest

from app.domain.errors import ComposeInvalid
from tests.integration.compose.read_release import Bench


@pytest.mark.parametrize("ssh", [["key=./key"], ["default", "key=/etc/key"], {"key": "./key"}])
@pytest.mark.parametrize("more", [{}, {"env_file": [{"path": "${F}", "required": False}]}])
async def test_key_of_a_build_is_refused_by_name(bench: Bench, ssh: Any, more: Any) -> None:
    bench.compose(more, services={"tool": {"build": {"context": ".", "ssh": ssh}}})
    with pytest.raises(ComposeInvalid, match=r"tool: build/ssh names a key, .* build/secrets") as refused:
        await bench.read()
    assert "MarshalJSON" not in str(refused.value)
    assert "value of a variable" not in str(refused.value)


async def test_agent_of_a_build_is_refused_by_name(bench: Bench) -> None:
    bench.compose({"build": {"context": ".", "ssh": ["default"]}})
    bench.put(bench.tree, "Dockerfile", "FROM scratch\n")
    (problem,) = (await bench.read()).problems
    assert "api-blue: build/ssh needs an SSH agent" in str(problem)


async def test_agent_of_a_build_that_no_rollout_makes_is_accepted(bench: Bench) -> None:
    bench.compose({}, services={"tool": {"build": {"context": ".", "ssh": ["default"]}}})
    assert (await bench.read()).problems == ()
