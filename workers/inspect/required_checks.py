"""What the plan and the doctor say about the checks that the stack file requires."""

from app.domain.errors import GitHubRefused, GitHubUnavailable
from app.domain.findings import Check, Verdict
from app.domain.required_checks import SETTLE_SECONDS, JudgedChecks, RequiredChecks, Standing, judged, unreadable
from app.domain.state import State
from workers.ports.github import GitHubApi

NAME = "required_checks"


async def planned(required: RequiredChecks | None, github: GitHubApi | None, tag: str) -> str | None:
    """A sentence on why a release of `tag` would wait or be refused; None if nothing keeps it back."""
    if required is None or github is None:
        return None
    seen = await _seen(required, github, tag)
    if seen.standing is Standing.GREEN:
        return None
    would = "be refused:" if seen.standing is Standing.RED else "wait."
    text = f"{seen.text.removesuffix('.')}. `updater deploy {tag}` does not wait."
    return f"policy/require_checks: as a release from GitHub it would {would} {text}"


async def checked(required: RequiredChecks | None, github: GitHubApi | None, state: State) -> list[Check]:
    """Whether GitHub shows the checks of the live release, and has those that the stack file names."""
    if required is None or github is None:
        return []
    names = ", ".join(required.names) or "every check of the commit"
    if state.current is None or state.current.adopted:
        return [Check(NAME, Verdict.OK, f"{names}; not tried, because no release of the updater is live")]
    tag, seen = state.current.tag, await _seen(required, github, state.current.tag)
    if seen.standing in {Standing.REFUSED, Standing.SILENT}:
        remedy = "Until GitHub shows them, every release waits. `updater deploy TAG` starts one without its checks."
        return [Check(NAME, Verdict.FAILED, f"the checks of {tag} are unknown. {seen.text}", remedy)]
    if seen.standing in {Standing.GREEN, Standing.RED}:
        return [Check(NAME, Verdict.OK, f"{names}; GitHub has them for {tag}, the live release")]
    remedy = "A release waits until each check is green. Correct policy/require_checks if that can never happen."
    return [Check(NAME, Verdict.WARNING, f"{tag} would wait now. {seen.text}", remedy)]


async def _seen(required: RequiredChecks, github: GitHubApi, tag: str) -> JudgedChecks:
    try:
        sha = await github.commit_of(tag)
        return judged(required, await github.checks_of(sha), sha=sha, waited=0, settled=SETTLE_SECONDS)
    except GitHubUnavailable as away:
        return JudgedChecks(Standing.SILENT, f"{away}.")
    except GitHubRefused as refused:
        return JudgedChecks(Standing.REFUSED, unreadable(refused))
