"""How a play begins: the stack, and what runs of it."""

from pathlib import Path

from app.domain.release import LiveRelease
from app.domain.required_checks import RequiredChecks
from app.domain.stack import BeforeFlip, Checks, Color, Follower, Policy, Stack, Supersede, Times, Window
from app.domain.state import State
from tests.examples import NOW, a_stack, sha_of
from tests.fakes.world import World
from tests.simulation.schedule import FIRST, Setting
from workers.ports import Stamp
from workers.routing.copies import find_hosts

TAGS = ("v0.9.0", FIRST, *(f"v1.{n}.0" for n in range(1, 10)))
TIMES = Times(fetch=20, build=30, start=10, health=6, route=3, ready=6, bake=4, drain=3, stop_grace=3)
MIGRATE = BeforeFlip("api", ("migrate",), limit=10)
JOB = BeforeFlip("migrate", limit=10)
QUEUE = Follower("queue", "worker")
EVERY_OTHER_MINUTE = Window("*/2 * * * *", 60)
CHECK = "build"
REQUIRED = {"named": RequiredChecks((CHECK,)), "all": RequiredChecks()}


def stack_of(setting: Setting) -> Stack:
    return a_stack(
        times=TIMES,
        checks=Checks(passes=2),
        supersede=Supersede.BEFORE_FLIP if setting.supersede else Supersede.NEVER,
        before_flip=(*([MIGRATE] if setting.command else []), *([JOB] if setting.job else [])),
        followers=(QUEUE,) if setting.followers else (),
        policy=Policy(
            windows=(EVERY_OTHER_MINUTE,) if setting.window else (), require_checks=REQUIRED.get(setting.checks)
        ),
    )


async def live(world: World) -> None:
    """FIRST is live on blue, as after an earlier rollout."""
    await world.engine.define(Path("/trees", sha_of(FIRST)), Stamp(FIRST, sha_of(FIRST), f"r-{FIRST}"))
    for service in world.stack.services(Color.BLUE):
        world.engine.place(service, FIRST)
        world.engine.images.add((service, sha_of(FIRST)))  # its rollout built it, also if no copy runs
    world.engine.published = (sha_of(FIRST), Color.BLUE)
    world.route.place(Color.BLUE, f"r-{FIRST}", await find_hosts(world.stack, world.engine, Color.BLUE))
    copies = {s.name: world.engine.copies_of(s.colors[Color.BLUE], FIRST) for s in world.stack.routed}
    current = LiveRelease(FIRST, sha_of(FIRST), f"r-{FIRST}", NOW, copies=copies)
    world.disk.file = State(
        active_color=Color.BLUE, route_id=f"r-{FIRST}", current=current, last_good_tag=FIRST, epoch=1
    )


def adoptable(world: World) -> None:
    """FIRST runs in both colors with plain Compose; another program's file routes to blue."""
    for service in {s: None for color in Color for s in world.stack.services(color)}:
        world.engine.place(service, FIRST)
    world.engine.unlabel()
    world.route.place_foreign(Color.BLUE)
    world.source.clone = {
        (world.stack.directory, "HEAD"): sha_of(FIRST),
        (world.stack.directory, f"refs/tags/{FIRST}"): sha_of(FIRST),
    }
