"""A part of row 21: with required signatures, tags without a signature and signed tags under another name."""

import subprocess
import tempfile
from pathlib import Path

from tests.faults.scenario import Scenario
from tests.integration.git.signing import Signer

GIT_SECONDS = 300
WHO = ("-c", "user.name=Demo", "-c", "user.email=demo@example.invalid")


async def signatures_are_required(scenario: Scenario) -> None:
    stage = scenario.stage
    with tempfile.TemporaryDirectory() as name:
        alice, allowed = Signer(Path(name), "alice"), Path(name) / "allowed_signers"
        allowed.write_text(f"{alice.line()}\n")
        stage.configure(policy={"require_signed_tag": str(allowed)})
        try:
            await _refused(scenario, await scenario.publish(), "a tag without a signature")
            signed = await _published(scenario, alice)
            await scenario.went_live(signed, "a signed tag")
            await _refused(
                scenario, await _published_again(scenario, signed), f"{signed}'s own signed tag under another name"
            )
        finally:
            stage.configure(policy={})


async def _refused(scenario: Scenario, tag: str, what: str) -> None:
    entry, live = await scenario.ended(tag), await scenario.live_tag()
    scenario.result.repeats += 1
    refused = entry["reason_code"] == "signature_refused" and live != tag
    scenario.result.expect(refused, f"{what} was decided as {entry['reason_code']}: {entry['error']}; {live} is live")


async def _published(scenario: Scenario, signer: Signer) -> str:
    tag = scenario.stage.next_tag()
    scenario.stage.home.release(tag)
    config = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={signer.key}")
    _git(scenario, *WHO, *config, "tag", "--sign", "--force", "--message", tag, tag)
    return await _announced(scenario, tag)


async def _published_again(scenario: Scenario, old: str) -> str:
    """Publishes a new release whose tag points to the old tag's signed object."""
    tag = scenario.stage.next_tag()
    _git(scenario, "update-ref", f"refs/tags/{tag}", _git(scenario, "rev-parse", f"refs/tags/{old}"))
    scenario.stage.home.shas[tag] = scenario.stage.home.shas[old]
    return await _announced(scenario, tag)


async def _announced(scenario: Scenario, tag: str) -> str:
    scenario.last_tag = tag
    await scenario.stage.home.announce(tag)
    return tag


def _git(scenario: Scenario, *words: str) -> str:
    path = scenario.stage.home.repository.path
    done = subprocess.run(["git", *words], cwd=path, check=True, capture_output=True, text=True, timeout=GIT_SECONDS)
    return done.stdout.strip()
