"""Prints one line for each pinned image and package.

Exit code 0: each pin is the newest of its line. 1: some are outdated. 2: for some, no registry answered.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deploy.demo.processes import ROOT
from deploy.outdated.pins import Pin, pins
from deploy.outdated.registries import RegistrySilent, image_digest, image_tags, package_versions
from deploy.outdated.versions import newest

AT_ONCE = 4
CURRENT, OUTDATED, UNKNOWN = 0, 1, 2


@dataclass(frozen=True)
class Outlook:
    """What the registry says about `pin`. `digest`: of the newest image; `silent`: why nothing is known."""

    pin: Pin
    newest: str = ""
    digest: str = ""
    silent: str = ""

    @property
    def outdated(self) -> bool:
        return not self.silent and self.newest != self.pin.version

    def __str__(self) -> str:
        where = f"{self.pin.name} {self.pin.version} ({', '.join(self.pin.files)})"
        if self.silent:
            return f"unknown   {where}: {self.silent}"
        if not self.outdated:
            return f"current   {where}"
        return f"OUTDATED  {where}: {' '.join(filter(None, [self.newest, self.digest]))}"


def look_up(pin: Pin) -> Outlook:
    try:
        offered = image_tags(pin.name) if pin.is_image else package_versions(pin.name)
        best = newest(pin.version, offered, pin.line)
        digest = image_digest(pin.name, best) if pin.is_image and best != pin.version else ""
    except RegistrySilent as silent:
        return Outlook(pin, silent=str(silent))
    return Outlook(pin, best, digest)


def verdict(seen: Sequence[Outlook]) -> tuple[int, str]:
    """The exit code, and the last line."""
    if silent := [each for each in seen if each.silent]:
        return UNKNOWN, (
            f"error: no registry answered for {len(silent)} of {len(seen)} pins, so it is unknown whether they are "
            "outdated. Nothing was changed. Run this again where the image registry and the package index answer."
        )
    if outdated := [each for each in seen if each.outdated]:
        return (
            OUTDATED,
            f"{len(outdated)} of {len(seen)} pins are outdated. Write the newer version where they are pinned.",
        )
    return CURRENT, f"All {len(seen)} pins are the newest of their lines."


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/outdated", description=__doc__)
    parser.parse_args()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = list(pool.map(look_up, pins(ROOT)))
    for each in seen:
        print(each)
    code, text = verdict(seen)
    print(text, file=sys.stderr if code == UNKNOWN else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
