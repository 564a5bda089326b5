from deploy.bench.idle import BARE, TOGETHER, TWICE, WINDOW, core_percent, figures_of
from deploy.bench.method.figures import Rounds


def rounds(*names: str) -> Rounds:
    measured = Rounds()
    for name in names:
        for value in (30.0, 40.0):
            measured.add(name, {"Rss": value, "Pss": value / 2, WINDOW: 0.1})
    return measured


def test_both_processes_are_compared_with_two_interpreters() -> None:
    figures = {figure.figure: figure for figure in figures_of(rounds(BARE, "web", "worker"))}
    together = figures[f"{TOGETHER}: Rss"]
    assert (together.ours, together.reference, together.reference_name, together.ratio) == (70, 70, TWICE, 1)
    assert figures["web: Rss"].reference_name == BARE


def test_web_alone_has_no_sum() -> None:
    assert {figure.figure.partition(":")[0] for figure in figures_of(rounds(BARE, "web"))} == {"web"}


def test_cpu_time_is_a_share_of_a_core() -> None:
    assert core_percent(12_000) == 100
