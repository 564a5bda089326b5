"""What is drawn: every kind of event and every moment comes up, and the themes are played without a violation."""

from collections import Counter

import pytest

from tests.simulation.draw import draw
from tests.simulation.draw.beside import BESIDE
from tests.simulation.draw.chances import CUES, FOLLOWERS, JOB, SUCCESSION, Chances
from tests.simulation.draw.later import LATER
from tests.simulation.draw.themes import THEMES, Theme
from tests.simulation.draw.withdrawals import WITHDRAWALS
from tests.simulation.events import KINDS
from tests.simulation.player import play
from tests.simulation.schedule import Schedule

SEEDS = range(1500)


def test_every_kind_of_event_is_drawn() -> None:
    drawn = Counter(event.does for seed in SEEDS for event in draw(seed).events)
    assert set(drawn) == set(KINDS)


def test_every_cue_is_drawn() -> None:
    drawn = {event.cue for seed in SEEDS for event in draw(seed).events}
    assert drawn >= {*CUES, *SUCCESSION, *FOLLOWERS, *JOB, "ask cancel", "answer cancel", "answer rollback"}


@pytest.mark.parametrize(
    "theme",
    [*dict.fromkeys(THEMES), *(theme for _, theme in (*BESIDE, *LATER, *WITHDRAWALS))],
    ids=lambda theme: theme.__name__,
)
def test_events_of_a_theme_happen(theme: Theme) -> None:
    """In some seed, each kind of event that the theme adds, and nothing is violated."""
    added, happened = set[str](), Counter[str]()
    for seed in range(4):
        chances = Chances(seed)
        before = len(chances.events)
        theme(chances)
        schedule = Schedule(seed, chances.setting, chances.behaviours, tuple(chances.events))
        added |= {event.does for event in chances.events[before:]}
        played = play(schedule)
        assert played.violation is None, schedule
        happened += played.counts
    assert any(happened[f"event {does}"] for does in added)
