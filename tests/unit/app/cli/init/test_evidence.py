from app.cli.init.evidence import Statement, Weighed, weigh


def test_most_trusted_source_wins_and_is_named() -> None:
    statements = [Statement((8443,), "route"), Statement((8443, 9100), "EXPOSE"), Statement[int]((), "silent")]
    assert weigh(statements) == Weighed(8443, ("route", "EXPOSE"))


def test_differing_sources_become_a_question() -> None:
    statements = [Statement((8443,), "route"), Statement((80,), "EXPOSE"), Statement((8443,), "label")]
    assert weigh(statements) == Weighed(8443, ("route", "label"), "route says 8443; label says 8443; EXPOSE says 80")


def test_a_later_source_chooses_among_several() -> None:
    assert weigh([Statement((1, 2), "expose"), Statement((2, 3), "EXPOSE")]).value == 2
    assert weigh([Statement((1, 2), "expose")]).question == "which of 1, 2? expose says 1 or 2"


def test_unsure_source_needs_a_second_source() -> None:
    unsure = Statement(("/health",), "URLS of checker", sure=False)
    assert weigh([unsure]).question == "only URLS of checker says it: does it answer 2xx without credentials?"
    assert weigh([unsure, Statement(("/health",), "HEALTHCHECK")]).question == ""


def test_silent_sources_yield_no_value() -> None:
    assert weigh([Statement[int]((), "silent")]) == Weighed(None)
