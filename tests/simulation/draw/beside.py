"""Troubles of what runs beside the rollouts: the succession of the updater, and the messages to people."""

from tests.simulation.draw.chances import OLDER, SUCCESSION, TAGS, Chances
from tests.simulation.draw.themes import SOON, Options, Theme, operator_calls
from tests.simulation.schedule import FIRST


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
)
"""Themes that come on top of the others, each with its chance."""
