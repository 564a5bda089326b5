import pytest

from deploy.bench.start import interpreter_ms


def test_cpu_time_of_an_interpreter_is_its_own() -> None:
    _, used = interpreter_ms("import time\nwhile time.process_time() < 0.2: pass")
    assert 200 <= used < 2_000
    _, idle = interpreter_ms("import time; time.sleep(0.3)")
    assert idle < used


def test_failed_import_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="exit code 1"):
        interpreter_ms("import app.no_such_module")
