"""Unpacks a program of the distribution without installing its package: an installed one may start a service."""

import shutil
import subprocess
from pathlib import Path

from deploy.demo.distribution.packages import EngineUnavailable, Say, run_apt, turn

UNPACK_SECONDS = 60


def program_of(package: str, program: str, directory: Path, say: Say) -> str:
    """The path of `program`: the installed one, else that of the distribution's `package`, unpacked in `directory`.

    Raises EngineUnavailable.
    """
    if found := shutil.which(program):
        return found
    unpacked = directory / package / "usr" / "bin" / program
    with turn():
        if not unpacked.exists():
            _unpack(package, directory, say)
    return str(unpacked)


def _unpack(package: str, directory: Path, say: Say) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise EngineUnavailable(f"{package} is not installed, and apt-get is missing to fetch it")
    directory.mkdir(parents=True, exist_ok=True)
    say(f"fetching {package} from the distribution, without installing it")
    download = ["apt-get", "download", package]
    if run_apt(download, directory).returncode:
        run_apt(["apt-get", "update"])
        if (again := run_apt(download, directory)).returncode:
            raise EngineUnavailable(f"{package} is not installed and cannot be fetched:\n{again.stderr[-1500:]}")
    archive = max(directory.glob(f"{package}_*.deb"))
    new = directory / f"{package}.new"
    shutil.rmtree(new, ignore_errors=True)
    extract = ["dpkg-deb", "--extract", str(archive), str(new)]
    subprocess.run(extract, capture_output=True, check=True, timeout=UNPACK_SECONDS)
    new.replace(directory / package)
