from app.domain.stack import BeforeFlip, Times
from tests.examples import a_stack
from workers.rollout import pipeline
from workers.rollout.step import MARGIN_SECONDS

TIMES = Times(fetch=1_000, build=2_000, start=3_000, health=4_000, route=5_000, ready=6_000, bake=7_000, drain=8_000)
STACK = a_stack(times=TIMES, before_flip=(BeforeFlip("skills", ("migrate",), 9_000),))

STOP = TIMES.stop_grace + MARGIN_SECONDS
WAITS = {
    "preflight": TIMES.route + TIMES.drain + 2 * TIMES.health + STACK.checks.timeout,
    "git_fetch_tags": TIMES.fetch,
    "git_checkout_tag": TIMES.fetch,
    "docker_build": TIMES.image + 2 * TIMES.build,
    "before_flip_1_skills": TIMES.start + 9_000,
    "start_skills": TIMES.start + STOP,
    "start_api": TIMES.start + STOP,
    "health_skills": TIMES.health,
    "health_api": TIMES.health,
    "route_switch": TIMES.route,
    "health_routed_skills": TIMES.route,
    "health_routed_api": TIMES.route,
    "restart_bot": TIMES.start + STOP + TIMES.ready,
    "bake": TIMES.bake,
    "stop_old_color": TIMES.drain + STOP,
    "prune": TIMES.start,
    "discard": TIMES.drain + STOP,
    "rollback_route": TIMES.route,
    "rollback_bot": 2 * STOP + TIMES.ready,
    "rollback_stop": TIMES.drain + STOP,
}


UNDO = (
    pipeline.discard(STACK),
    pipeline.rollback_route(STACK),
    *pipeline.rollback_singletons(STACK),
    pipeline.rollback_stop(STACK),
)
STEPS = (
    *(*pipeline.preparation(STACK), *pipeline.new_color(STACK), *pipeline.take_over(STACK)),
    *(*pipeline.retirement(STACK), *UNDO),
)


def test_step_limits_cover_their_waits() -> None:
    assert {step.name: step.limit for step in STEPS} == WAITS
