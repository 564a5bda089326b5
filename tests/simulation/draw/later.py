"""Themes that were added later. They are drawn last, so the seeds in which none comes up kept their schedules."""

from tests.simulation.draw.beside import LASTING
from tests.simulation.draw.chances import BAD_PAST_FLIP, BEFORE_FLIP, PAST_FLIP, TAGS, UNDO, Chances
from tests.simulation.draw.themes import SOON, Options, Theme, operator_calls
from tests.simulation.schedule import FIRST, RELEASE
from tests.simulation.stacks import CHANGES


def one_way_releases(draw: Chances) -> None:
    """Releases cannot be rolled back, and fail past their flip or not. Operators roll back, with force or without."""
    random = draw.random
    for tag in (FIRST, *draw.releases):
        if draw.maybe(0.2 if tag == FIRST else 0.7):
            draw.behaviours.setdefault(tag, {})[RELEASE] = {"one_way": True}
    tag = random.choice(draw.releases)
    if draw.maybe(0.6):
        service, bad = random.choice(BAD_PAST_FLIP)
        draw.behaviours.setdefault(tag, {})[service] = dict(bad)
    for _ in range(random.choice((0, 1, 2))):
        cue = random.choice((*PAST_FLIP, "failed", "undo", "end", "end"))
        draw.after(cue, "rollback", most=SOON, force=draw.maybe(0.6))
    if draw.maybe(0.5):
        _meets(draw, random.choice((*PAST_FLIP, "failed", "undo", "end", "step stop_old_color")))
    if draw.maybe(0.4):
        draw.add("unpause", at=random.uniform(30, 160))


def bot_is_stopped(draw: Chances) -> None:
    """An operator stops the bot, and a release fails before it comes to the hand-over, or after it."""
    random = draw.random
    if draw.maybe(0.6):
        draw.after(random.choice((*BEFORE_FLIP, *PAST_FLIP, *UNDO)), "bot_stopped", most=SOON)
    else:
        draw.add("bot_stopped", at=random.uniform(0, 60))
    if draw.maybe(0.7):
        tag = random.choice(draw.releases)
        service, bad = random.choice((*BAD_PAST_FLIP, ("api", {"dies_after": 1.5}), ("api", {"status": 500})))
        draw.behaviours.setdefault(tag, {})[service] = dict(bad)
    if draw.maybe(0.5):
        operator_calls(draw, random.choice((*BEFORE_FLIP, *PAST_FLIP)))
    if draw.maybe(0.3):
        _meets(draw, random.choice((*PAST_FLIP, *UNDO, "effect stop")))


def route_cannot_be_read(draw: Chances) -> None:
    """The route file cannot be read, and maybe not replaced, while a release goes live or is undone."""
    random = draw.random
    tag, seconds = draw.releases[0], draw.seconds()
    cue = random.choice((*PAST_FLIP, *UNDO, "step stop_old_color", "end"))
    if draw.maybe(0.7):
        service, bad = random.choice(BAD_PAST_FLIP)
        draw.behaviours.setdefault(tag, {})[service] = dict(bad)
    if draw.maybe(0.4):
        draw.behaviours.setdefault(tag, {})[RELEASE] = {"one_way": True}
        cue = random.choice(("step health_routed_skills", "step restart_bot", "step bake", "failed"))
    elif draw.maybe(0.7):
        draw.after(cue, "route_refused", most=3, seconds=seconds)
    draw.after(cue, "route_unreadable", most=3, seconds=seconds)
    if draw.maybe(0.4):
        _meets(draw, random.choice((*PAST_FLIP, *UNDO, "start")))


def engine_is_away_in_an_undo(draw: Chances) -> None:
    """The engine does not answer while a rollout is undone, for longer than one call waits, or a little less."""
    random = draw.random
    service, bad = random.choice(BAD_PAST_FLIP)
    draw.behaviours.setdefault(draw.releases[0], {})[service] = dict(bad)
    cue = random.choice(("failed", *UNDO, "step restart_bot", "effect ask"))
    seconds = random.choice((3.0, 20.0, 40.0, 50.0, 70.0, 100.0))
    draw.after(cue, random.choice(("engine_refuses", "engine_refuses", "engine_hangs")), most=SOON, seconds=seconds)
    if draw.maybe(0.3):
        draw.after(cue, "route_refused", most=3, seconds=draw.seconds())


def call_as_a_step_begins(draw: Chances) -> None:
    """An operator stops a rollout in the few turns in which a step begins, and the step would take long."""
    random = draw.random
    tag = draw.releases[0]
    if draw.maybe(0.5):
        draw.behaviours.setdefault(tag, {})["bot"] = {"ready_after": 4.0}
        draw.after("step restart_bot", "rollback", most=12)
    else:
        draw.behaviours.setdefault(tag, {})["api"] = {"build_seconds": 5.0}
        draw.after(random.choice(("step git_checkout_tag", "step docker_build")), "cancel", most=SOON)


def call_meets_a_failure(draw: Chances) -> None:
    """A call is accepted while the end of a step is written: its failure, or its interruption by the worker's end.

    Writes wait for each other, so a pause at the same time makes room for the call.
    """
    random = draw.random
    at, cue = random.choice((0.0, random.uniform(0, 30))), "step start_skills"
    if draw.maybe(0.3):
        draw.after(random.choice(BEFORE_FLIP), "kill", at=at, most=SOON)
        draw.after("start", "disk_slow", at=at, most=2, seconds=20.0, each=0.3)
        cue = "take over"
    else:
        draw.after(cue, "disk_slow", at=at, most=2, seconds=20.0, each=random.choice((0.6, 1.0)))
        draw.after(cue, "answer_lost", at=at, most=2)
    draw.after(cue, "cancel", at=at, most=3)
    draw.after(cue, "pause", at=at, most=3)
    draw.add("unpause", at=random.uniform(60, 160))


def stack_is_changed(draw: Chances) -> None:
    """An operator changes the stack file, in peace or in the middle of a rollout; a release and a rollback follow."""
    random = draw.random
    draw.set(begins="live", followers=random.choice((draw.setting.followers, 2)), job=draw.maybe(0.3))
    at = random.uniform(20, 50)
    for _ in range(random.choice((1, 1, 2))):
        change = random.choice(sorted(CHANGES))
        if draw.maybe(0.7):
            draw.add("stack_changes", at=at, change=change)
        else:
            cue = random.choice((*BEFORE_FLIP, *PAST_FLIP, *UNDO, "end"))
            draw.after(cue, "stack_changes", most=SOON, at=at - 20, change=change)
    draw.add("unpause", at=at + 3)
    draw.add("release", at=at + random.uniform(4, 10), tag=random.choice(TAGS[4:]))
    if draw.maybe(0.7):
        draw.after("end", "rollback", at=at + 5, most=SOON)
        draw.add("unpause", at=at + random.uniform(40, 80))
    if draw.maybe(0.3):
        draw.add("stack_changes", at=at + random.uniform(20, 60), change=random.choice(sorted(CHANGES)))
        draw.add("release", at=at + random.uniform(60, 90), tag=random.choice(TAGS[4:]))
    if draw.maybe(0.3):
        _meets(draw, random.choice((*PAST_FLIP, *UNDO, "start", "end")))


def torn_after_a_call(draw: Chances) -> None:
    """The state file is damaged right after the answer to an operator's call; its previous copy is not."""
    random = draw.random
    call = random.choice(("cancel", "rollback", "rollback"))
    draw.after(random.choice(PAST_FLIP if call == "rollback" else BEFORE_FLIP), call, most=SOON)
    draw.after(f"answer {call}", "state_damaged", most=3, file=True, previous=False)
    draw.add("unpause", at=random.uniform(40, 90))


def checks_are_required(draw: Chances) -> None:
    """Releases wait for their checks, which are green at once, later or never, or red; GitHub may be away."""
    random = draw.random
    draw.set(checks=random.choice(("named", "named", "all")), enabled=True)
    for tag in draw.releases:
        at = random.uniform(0, 120)
        results = random.choice((["success"], ["success"], ["queued", "success"], ["failure"], ["queued"], []))
        for result in results:
            draw.add("check", at=at, tag=tag, result=result)
            at += random.choice((1.0, 10.0, 50.0))
        if results == ["success"] and draw.maybe(0.2):
            draw.add("check", at=at, tag=tag, result="failure")
    if draw.maybe(0.4):
        draw.add("github_away", at=random.uniform(0, 100), seconds=draw.seconds())
    for _ in range(random.choice((0, 1, 2))):
        does = random.choice(("kill", "terminate", "pause", "state_damaged", "second_worker"))
        more: Options = {"file": True, "previous": False} if does == "state_damaged" else {}
        more |= {"seconds": draw.seconds()} if does == "second_worker" else {}
        draw.add(does, at=random.uniform(5, 120), **more)
    draw.add("unpause", at=random.uniform(60, 160))


def successor_comes_late(draw: Chances) -> None:
    """The engine hangs when the worker sends the successor, and creates it after the worker has given it up."""
    draw.set(updater=True, enabled=True, begins="live")
    tag = draw.releases[0]
    draw.behaviours.pop(tag, None)
    draw.new_updater(tag)
    draw.after("succession", "engine_hangs", most=3, seconds=round(draw.random.uniform(31, 80), 2))


def route_leads_back_late(draw: Chances) -> None:
    """A release fails past its flip, and the write that leads the route back takes longer than its step may."""
    random = draw.random
    service, bad = random.choice(BAD_PAST_FLIP)
    draw.behaviours.setdefault(draw.releases[0], {})[service] = dict(bad)
    cue, each = random.choice(("failed", "undo")), random.choice((15.0, 20.0, 20.0, 30.0))
    draw.after(cue, "route_slow", most=3, seconds=random.choice((0.5, 20.0, 60.0)), each=each)


def _meets(draw: Chances, cue: str) -> None:
    does = draw.random.choice(("kill", "kill", "terminate", "engine_refuses", "disk_slow", "route_refused", "torn"))
    if does == "torn":
        draw.after(cue, "state_damaged", most=SOON, file=True, previous=False)
        return
    more: Options = {"seconds": draw.seconds()} if does in LASTING or does == "route_refused" else {}
    more |= {"each": 0.3} if does == "disk_slow" else {}
    draw.after(cue, does, most=SOON, **more)


LATER: tuple[tuple[float, Theme], ...] = (
    (0.06, one_way_releases),
    (0.05, bot_is_stopped),
    (0.04, route_cannot_be_read),
    (0.03, engine_is_away_in_an_undo),
    (0.03, call_as_a_step_begins),
    (0.03, call_meets_a_failure),
    (0.08, stack_is_changed),
    (0.03, torn_after_a_call),
    (0.06, checks_are_required),
    (0.02, successor_comes_late),
    (0.02, route_leads_back_late),
)
"""Themes that come on top of all others, each with its chance."""
