"""The disk that the workers of one machine share, in memory."""

from tests.fakes.disk.files import DAMAGED, FakeDisk
from tests.fakes.disk.journal import FakeJournal
from tests.fakes.disk.lease import FakeLease

__all__ = ["DAMAGED", "FakeDisk", "FakeJournal", "FakeLease"]
