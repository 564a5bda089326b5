from datetime import timedelta

from app.domain.notices.book import TOLD_KEPT, WAITING_MOST, Book
from app.domain.notices.notice import Kind, Notice
from tests.examples import NOW

BOTH = ("mail", "chat")


def a_notice(event: str = "e1") -> Notice:
    return Notice(event, Kind.LIVE, "title", "text")


def test_event_is_sent_once_to_each_target() -> None:
    book = Book().notify(a_notice(), NOW, BOTH)
    assert book.notify(a_notice(), NOW, BOTH) is book
    book = book.delivered("e1", "mail")
    assert (book.next_for("mail"), book.counts()) == (None, {"sent": 1, "given_up": 0, "waiting": 1})
    book = book.delivered("e1", "chat")
    assert (book.waiting, book.notify(a_notice(), NOW, BOTH)) == ((), book)


def test_given_up_target_does_not_affect_others() -> None:
    book = Book().notify(a_notice(), NOW, BOTH).give_up("e1", "mail")
    assert book.next_for("mail") is None
    assert book.next_for("chat") is not None
    assert book.counts() == {"sent": 0, "given_up": 1, "waiting": 1}


def test_each_target_gets_its_messages_in_order() -> None:
    book = Book().notify(a_notice("e1"), NOW, BOTH).notify(a_notice("e2"), NOW, BOTH).delivered("e1", "mail")
    assert [w.notice.id if (w := book.next_for(t)) else None for t in BOTH] == ["e2", "e1"]


def test_event_without_targets_is_remembered() -> None:
    book = Book().notify(a_notice(), NOW, ())
    assert (book.waiting, "e1" in book.told) == ((), True)


def test_overflow_drops_and_counts_the_oldest() -> None:
    book = Book()
    for n in range(WAITING_MOST + 3):
        book = book.notify(a_notice(f"e{n}"), NOW, BOTH)
    oldest = book.next_for("mail")
    assert oldest is not None
    assert (oldest.notice.id, len(book.waiting), book.given_up) == ("e3", WAITING_MOST, 6)


def test_memory_of_sent_events_is_bounded() -> None:
    book = Book()
    for n in range(TOLD_KEPT + 5):
        book = book.mark(f"e{n}", NOW)
    assert (len(book.told), "e4" in book.told, "e5" in book.told) == (TOLD_KEPT, False, True)


def test_only_ended_alarms_can_be_sent_again() -> None:
    book = Book().mark("alarm:a", NOW).mark("alarm:b", NOW).mark("paused:a", NOW)
    soon = NOW + timedelta(seconds=1)
    assert book.forget("alarm:", before=NOW - timedelta(seconds=1)) is book, "the alarms are too recent"
    assert list(book.forget("alarm:", but=["alarm:b"], before=soon).told) == ["alarm:b", "paused:a"]


def test_removed_target_holds_no_messages() -> None:
    book = Book().notify(a_notice("e1"), NOW, BOTH).notify(a_notice("e2"), NOW, ("mail",)).only_for(["chat"])
    assert [(w.notice.id, w.to) for w in book.waiting] == [("e1", ("chat",))]
