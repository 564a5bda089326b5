from deploy.bench.method.proc import busy_seconds, machine_seconds

STAT = "cpu  100 20 30 4000 500 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n"


def test_waiting_cores_are_not_busy() -> None:
    assert busy_seconds(STAT, ticks_per_second=100) == 1.63


def test_machine_works_while_it_is_asked() -> None:
    before = machine_seconds()
    assert machine_seconds() >= before > 0
