"""A release is taken back on GitHub, or its tag moves: while it waits, in its rollout, or when it is live."""

from app.domain.withdrawal import DELETED, UNPUBLISHED
from tests.simulation.draw.chances import BEFORE_FLIP, PAST_FLIP, Chances
from tests.simulation.draw.themes import SOON, Options


def withdrawn_while_it_waits(draw: Chances) -> None:
    """It is held for an approval, a window or a pause, and its turn comes later. The webhook may be lost."""
    random, tag = draw.random, draw.releases[-1]
    held = random.choice(("approval", "window", "pause"))
    if held == "pause":
        draw.add("pause", at=0.5)
        draw.add("unpause", at=random.uniform(60, 100))
    else:
        draw.set(**{held: True})
    _take_back(draw, tag, at=random.uniform(20, 55))
    _turn_comes(draw)
    if draw.maybe(0.3):
        draw.add("release", tag=tag, at=random.uniform(70, 120))
    if draw.maybe(0.3):
        draw.add(random.choice(("kill", "github_away", "git_refuses")), at=random.uniform(15, 60))


def withdrawn_in_its_rollout(draw: Chances) -> None:
    """It is taken back in the few turns around a step, before the flip or after it."""
    random, tag = draw.random, draw.releases[0]
    if draw.maybe(0.8):
        draw.behaviours[tag] = {"api": {"ready_after": 5.0}}
    more: Options = {"tag": tag, "action": random.choice((DELETED, UNPUBLISHED))}
    draw.after(random.choice((*BEFORE_FLIP, *BEFORE_FLIP, *PAST_FLIP, "begin", "end")), "withdraw", most=SOON, **more)
    if draw.maybe(0.3):
        draw.after("answer withdraw", random.choice(("kill", "terminate")), most=SOON)


def tag_moves_while_it_waits(draw: Chances) -> None:
    random, tag = draw.random, draw.releases[-1]
    draw.set(**{random.choice(("approval", "approval", "window")): True, "updater": False})
    draw.add("tag_moves", tag=tag, at=random.uniform(20, 60))
    _turn_comes(draw)
    if draw.maybe(0.3):
        draw.add(random.choice(("kill", "git_refuses", "git_hangs")), at=random.uniform(15, 60))


def withdrawn_unheard_later(draw: Chances) -> None:
    """It is live, or rolls out, when it is taken back; the webhook is lost, and only GitHub's list says it."""
    random, tag = draw.random, draw.releases[0]
    draw.set(check_minutes=0.5)
    if draw.maybe(0.7):
        draw.behaviours.pop(tag, None)
    at, action = random.uniform(10, 110), random.choice((DELETED, UNPUBLISHED))
    draw.add("withdrawn_unheard", tag=tag, at=at, action=action)
    if draw.maybe(0.4):
        draw.add(random.choice(("kill", "github_away", "redis_away", "disk_full")), at=at + random.uniform(-20, 40))


def _take_back(draw: Chances, tag: str, *, at: float) -> None:
    does = "withdrawn_unheard" if draw.maybe(0.2) else "withdraw"
    draw.add(does, tag=tag, at=at, action=draw.random.choice((DELETED, UNPUBLISHED)))


def _turn_comes(draw: Chances) -> None:
    if draw.setting.approval:
        for at in sorted(draw.random.uniform(30, 150) for _ in range(3)):
            draw.add("approve", at=at)


WITHDRAWALS = (
    (0.04, withdrawn_while_it_waits),
    (0.06, withdrawn_in_its_rollout),
    (0.03, tag_moves_while_it_waits),
    (0.04, withdrawn_unheard_later),
)
"""Themes that come on top of all others, each with its chance. They are drawn last: see later.py."""
