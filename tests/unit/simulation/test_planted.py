"""Each planted defect can still be put back: its edits fit the code."""

import pytest

from deploy.demo.processes import ROOT
from tests.simulation.planted import PLANTED


@pytest.mark.parametrize("name", PLANTED)
def test_planted_defect_fits_the_code(name: str) -> None:
    for edit in PLANTED[name]:
        edit.fits(ROOT)
