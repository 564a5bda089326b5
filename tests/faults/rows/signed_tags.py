"""A part of row 21: where signatures are required, tags without one and tags that were given another name."""

import subprocess
import tempfile
from pathlib import Path

from tests.faults.trial import Trial
from tests.integration.signing import Signer

GIT_SECONDS = 30
WHO = ("-c", "user.name=Demo", "-c", "user.email=demo@example.invalid")


async def signatures_are_required(trial: Trial) -> None:
    stage = trial.stage
    with tempfile.TemporaryDirectory() as name:
        alice, allowed = Signer(Path(name), "alice"), Path(name) / "allowed_signers"
        allowed.write_text(f"{alice.line()}\n")
        stage.configure(policy={"require_signed_tag": str(allowed)})
        try:
            await _refused(trial, await trial.publish(), "a tag without a signature")
            signed = await _published(trial, alice)
            await trial.went_live(signed, "a signed tag")
            await _refused(
                trial, await _published_again(trial, signed), f"{signed}'s own signed tag under another name"
            )
        finally:
            stage.configure(policy={})


async def _refused(trial: Trial, tag: str, what: str) -> None:
    entry, live = await trial.ended(tag), await trial.live_tag()
    trial.result.repeats += 1
    refused = entry["reason_code"] == "signature_refused" and live != tag
    trial.result.expect(refused, f"{what} ended as {entry['reason_code']}: {entry['error']}; {live} is live")


async def _published(trial: Trial, signer: Signer) -> str:
    tag = trial.stage.next_tag()
    trial.stage.home.release(tag)
    config = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={signer.key}")
    _git(trial, *WHO, *config, "tag", "--sign", "--force", "--message", tag, tag)
    return await _announced(trial, tag)


async def _published_again(trial: Trial, old: str) -> str:
    """A new release whose tag is the old one's, signature and all."""
    tag = trial.stage.next_tag()
    _git(trial, "update-ref", f"refs/tags/{tag}", _git(trial, "rev-parse", f"refs/tags/{old}"))
    trial.stage.home.shas[tag] = trial.stage.home.shas[old]
    return await _announced(trial, tag)


async def _announced(trial: Trial, tag: str) -> str:
    trial.last_tag = tag
    await trial.stage.home.announce(tag)
    return tag


def _git(trial: Trial, *words: str) -> str:
    path = trial.stage.home.repository.path
    done = subprocess.run(["git", *words], cwd=path, check=True, capture_output=True, text=True, timeout=GIT_SECONDS)
    return done.stdout.strip()
