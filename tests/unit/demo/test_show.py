import io
from pathlib import Path

from rich.console import Console
from rich.status import Status

from deploy.demo.show import Show


def test_recording_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    recording = Console(record=True, file=io.StringIO(), width=60, force_terminal=True)
    show = Show(console, Status("", console=console), recording)
    show.say("publishing v1.1.0")
    show.write_recording(tmp_path / "demo.svg", "bin/demo")
    written = (tmp_path / "demo.svg").read_text()
    assert "publishing" in written
    assert "url(" not in written.replace("url(#", "")
