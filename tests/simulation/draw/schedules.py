"""One schedule: a few releases, and a few kinds of trouble around them.

Few kinds at once find more than all of them: most defects need two or three events close to each other. So half of the
seeds have a theme.
"""

from random import Random

from tests.simulation.draw.beside import BESIDE
from tests.simulation.draw.chances import Chances
from tests.simulation.draw.later import LATER
from tests.simulation.draw.themes import THEMES
from tests.simulation.draw.trouble import TROUBLE
from tests.simulation.draw.withdrawals import WITHDRAWALS
from tests.simulation.schedule import Schedule


def draw(seed: int) -> Schedule:
    """The schedule of that seed: the same in every run, on every machine."""
    chances = Chances(seed)
    random = chances.random
    themes = random.sample(THEMES, random.choice((0, 0, 0, 1, 1, 2)))
    most = (0, 0, 0, 1, 1, 2) if themes else (0, 1, 1, 2, 2, 3, 4)
    for theme in themes:
        theme(chances)
    for trouble in random.sample(TROUBLE, random.choice(most)):
        for _ in range(random.choice((1, 1, 2, 3))):
            trouble(chances)
    for more, themes_of_it in (("beside", BESIDE), ("later", LATER), ("withdrawn", WITHDRAWALS)):
        chances.go_on_with(Random(f"{more} {seed}"))  # noqa: S311 - what is drawn above does not depend on it
        for chance, theme in themes_of_it:
            if chances.maybe(chance):
                theme(chances)
    return Schedule(seed, chances.setting, chances.behaviours, tuple(sorted(chances.events, key=lambda e: e.at)))
