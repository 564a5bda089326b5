"""Troubles of what runs beside the routed services: followers, jobs, the updater's succession, messages to people."""

from tests.simulation.draw.chances import (
    BAD_FOLLOWER,
    BAD_PAST_FLIP,
    FOLLOWERS,
    JOB,
    OLDER,
    SUCCESSION,
    TAGS,
    Chances,
)
from tests.simulation.draw.themes import SOON, Options, Theme, operator_calls
from tests.simulation.schedule import FIRST
from tests.simulation.undelayed import FAILURES


def updater_is_replaced(draw: Chances) -> None:
    """A good release has another updater, and trouble meets the succession."""
    random = draw.random
    draw.set(updater=True, enabled=True, begins="live")
    tag = draw.releases[0]
    draw.behaviours.pop(tag, None)
    draw.new_updater(tag)
    if len(draw.releases) > 1 and draw.maybe(0.5):
        draw.new_updater(draw.releases[1])
    for _ in range(random.choice((0, 1, 1, 2, 2, 3))):
        _meets_succession(draw, random.choice((*SUCCESSION, *SUCCESSION, "take over", "start")))
    if draw.maybe(0.3):
        operator_calls(draw, random.choice(SUCCESSION))


def _meets_succession(draw: Chances, cue: str) -> None:
    random = draw.random
    does = random.choice((*("successor_dies", "release") * 3, *SUCCESSION_TROUBLE))
    at = random.choice((0.0, 0.0, random.uniform(20, 80)))
    if does == "release":
        draw.after(cue, does, at=at, most=random.choice((3, SOON)), tag=random.choice(TAGS[:5]))
        return
    more: Options = {"seconds": draw.seconds()} if does in LASTING else {}
    more |= {"each": random.choice((0.3, 2.0))} if does == "disk_slow" else {}
    more |= {"workers": True} if does == "engine_restarts" else {}
    draw.after(cue, does, at=at, most=random.choice((3, SOON)), **more)


SUCCESSION_TROUBLE = (
    *("kill", "kill", "terminate", "suspend", "unpause", "second_worker", "successor_hangs"),
    *("engine_hangs", "engine_refuses", "engine_restarts", "disk_full", "disk_slow", "redis_away", "state_damaged"),
)
LASTING = {
    *("suspend", "second_worker", "successor_hangs", "engine_hangs", "engine_refuses", "engine_restarts"),
    *("disk_full", "disk_slow", "redis_away"),
}


def followers_are_replaced(draw: Chances) -> None:
    """The stack has a follower with several copies, which may be slow or bad, and trouble meets their replacement."""
    random = draw.random
    draw.set(followers=random.choice((1, 2, 3, 3)))
    for tag in (FIRST, *draw.releases):
        if draw.maybe(0.4):
            changes = random.choice(BAD_FOLLOWER)
            if tag != FIRST or {"stop_seconds", "copies"} & set(changes):
                draw.behaviours.setdefault(tag, {})["worker"] = dict(changes)
    if draw.maybe(0.3) and _may_count_turns(draw):
        draw.behaviours.setdefault(FIRST, {})["worker"] = {"stop_seconds": 2.5, "stop_grace": 20.0}
        draw.after(
            random.choice(("effect ask", "effect ask", "step follow_queue")), "rollback", most=random.choice((3, SOON))
        )
    if draw.maybe(0.3):
        service, bad = random.choice(BAD_PAST_FLIP)
        draw.behaviours.setdefault(draw.releases[0], {}).setdefault(service, dict(bad))
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        _meets(draw, random.choice((*FOLLOWERS, *FOLLOWERS, "step bake", "undo", "take over", "step resume_check")))


def jobs_run(draw: Chances) -> None:
    """The stack has a one-shot job, which may fail, and trouble meets it."""
    random = draw.random
    draw.set(job=True)
    for tag in draw.releases:
        if draw.maybe(0.3):
            bad = random.choice(({"exit_code": 1}, {"run_seconds": 30.0}, {"run_seconds": 5.0}, {"builds": False}))
            draw.behaviours.setdefault(tag, {})["migrate"] = dict(bad)
    for _ in range(random.choice((0, 1, 1, 2))):
        _meets(draw, random.choice(JOB))


def _may_count_turns(draw: Chances) -> bool:
    """Whether no target of messages fails: that gives a worker more turns, so an event would come at another moment."""
    return FAILURES.isdisjoint(event.does for event in draw.events)


def _meets(draw: Chances, cue: str) -> None:
    random = draw.random
    if not _may_count_turns(draw):
        return
    does = random.choice((*("kill", "kill", "release"), *SUCCESSION_TROUBLE))
    if does == "successor_hangs":
        does = "cancel"
    more: Options = {"seconds": draw.seconds()} if does in LASTING else {}
    more |= {"each": random.choice((0.3, 2.0))} if does == "disk_slow" else {}
    more |= {"workers": True} if does == "engine_restarts" else {}
    more |= {"tag": random.choice(TAGS[:5])} if does == "release" else {}
    draw.after(cue, does, at=random.choice((0.0, 0.0, random.uniform(20, 80))), most=random.choice((3, SOON)), **more)


def target_fails(draw: Chances) -> None:
    """A target of messages does not accept them, alone or with the end of a worker. Only times, no cues."""
    random = draw.random
    for _ in range(random.choice((1, 1, 2))):
        does = random.choice(("target_refuses", "target_hangs", "target_hangs", "notices_unwritable"))
        more: Options = {"unheard": draw.maybe(0.5)} if does == "target_hangs" else {}
        draw.add(does, at=random.uniform(0, 40), seconds=random.choice((3.0, 8.0, 30.0, 60.0, 90.0)), **more)
    does = random.choice(("", "", "", "kill", "terminate", "second_worker", "clock_set"))
    if does == "second_worker":
        at = random.uniform(0, 40)
        draw.add(does, at=at, seconds=150.0)
        draw.add("kill", at=at + random.uniform(0, 50), restart=100.0)
    elif does == "clock_set":
        draw.add(does, at=random.uniform(0, 60), ahead=random.choice((86400.0, -86400.0, 90.0, -90.0)))
    elif does:
        draw.add(does, at=random.uniform(0, 60))


def people_are_not_told(draw: Chances) -> None:
    """A target of messages, or the file of the notice book, fails at any moment of the other troubles."""
    does = draw.random.choice(("target_refuses", "target_hangs", "target_hangs", "notices_unwritable"))
    more: Options = {"unheard": draw.maybe(0.5)} if does == "target_hangs" else {}
    draw.add(does, seconds=draw.seconds(), **more)


def copies(draw: Chances) -> None:
    """The API has several copies, and a release may change how many. One of them may be bad, or stop."""
    random = draw.random
    usual = random.choice((2, 3, 3))
    for tag in (FIRST, OLDER, *TAGS):
        number = usual if tag == FIRST or draw.maybe(0.6) else random.choice((1, 2, 3, 4))
        of_api = draw.behaviours.setdefault(tag, {}).setdefault("api", {})
        if of_api and number > 1 and draw.maybe(0.6):
            of_api["only"] = random.randint(1, number)
        of_api["copies"] = number
    for _ in range(random.choice((0, 0, 1, 2))):
        draw.add("copy_stops", number=random.randint(1, usual))


BESIDE: tuple[tuple[float, Theme], ...] = (
    (0.1, updater_is_replaced),
    (0.05, target_fails),
    (0.05, people_are_not_told),
    (0.25, copies),
    (0.25, followers_are_replaced),
    (0.15, jobs_run),
)
"""Themes that come on top of the others, each with its chance."""
