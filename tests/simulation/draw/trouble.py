"""The kinds of trouble, each alone: they happen at any moment."""

from collections.abc import Callable

from tests.simulation.draw.chances import OLDER, TAGS, Chances
from tests.simulation.schedule import FIRST

Trouble = Callable[[Chances], None]


def operator(draw: Chances) -> None:
    random = draw.random
    does = random.choice(
        ("pause", "unpause", "unpause", "cancel", "cancel", "rollback", "rollback", "apply", "approve")
    )
    if does == "apply":
        draw.add("apply", tag=random.choice((OLDER, FIRST, *TAGS[:3])), force=random.random() < 0.7)
    elif does == "rollback":
        draw.add("rollback", force=random.random() < 0.2)
    else:
        draw.add(does)
    if does in {"pause", "cancel", "rollback"} and random.random() < 0.5:
        draw.add("unpause", at=random.uniform(20, 170))


def worker_ends(draw: Chances) -> None:
    random = draw.random
    if random.random() < 0.7:
        draw.add("kill", restart=random.choice((0.1, 1.0, 10.0)))
    else:
        draw.add("terminate")


def worker_sleeps(draw: Chances) -> None:
    random = draw.random
    draw.add("suspend", seconds=random.choice((5.0, 31.0, 33.0, 36.0, 45.0, 70.0)))
    if random.random() < 0.8:
        draw.add("second_worker", at=random.uniform(0, 60), seconds=150.0)


def engine(draw: Chances) -> None:
    random = draw.random
    does = random.choice(("engine_hangs", "engine_refuses", "answer_lost", "engine_restarts", "live_dies"))
    if does in {"answer_lost", "live_dies"}:
        draw.add(does)
    elif does == "engine_restarts":
        draw.add(does, seconds=draw.seconds(), workers=random.random() < 0.6)
    else:
        draw.add(does, seconds=draw.seconds())


def route(draw: Chances) -> None:
    random = draw.random
    does = random.choice(
        ("route_refused", "route_refused", "traefik_deaf", "traefik_down", "route_slow", "route_overwritten")
    )
    if does == "route_overwritten":
        draw.add(does, other=random.random() < 0.5)
    elif does == "route_slow":
        draw.add(does, seconds=draw.seconds(), each=random.choice((0.5, 5.0)))
    else:
        draw.add(does, seconds=draw.seconds())


def disk(draw: Chances) -> None:
    random = draw.random
    does = random.choice(("disk_full", "disk_slow", "write_fails_late"))
    if does == "disk_slow":
        draw.add(does, seconds=draw.seconds(), each=random.choice((0.3, 2.0, 6.0)))
    elif does == "disk_full":
        draw.add(does, seconds=draw.seconds())
    else:
        draw.add(does)


def state_file(draw: Chances) -> None:
    random = draw.random
    if random.random() < 0.2:
        draw.add("state_removed")
    else:
        draw.add("state_damaged", file=random.random() < 0.9, previous=random.random() < 0.4)


def redis(draw: Chances) -> None:
    does = draw.random.choice(("redis_away", "redis_hangs", "redis_lost"))
    draw.add(does, **({} if does == "redis_lost" else {"seconds": draw.seconds()}))


def git(draw: Chances) -> None:
    draw.add(draw.random.choice(("git_refuses", "git_hangs")), seconds=draw.seconds())


def github(draw: Chances) -> None:
    draw.add("github_away", seconds=draw.seconds(), carried_out=draw.random.random() < 0.5)


def clock(draw: Chances) -> None:
    draw.add("clock_set", ahead=draw.random.choice((86400.0, -86400.0, 90.0, -90.0)))


def clients(draw: Chances) -> None:
    draw.add("clients_fail", share=draw.random.choice((0.02, 0.3, 1.0)), seconds=draw.seconds())


TROUBLE: tuple[Trouble, ...] = (
    *(operator, operator, operator),
    *(worker_ends, worker_ends, worker_sleeps),
    *(engine, engine, route, route, disk, state_file),
    *(redis, git, github, clock, clients),
)
