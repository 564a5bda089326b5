from app.cli.init.evidence import Statement, Weighed, weigh


def test_the_most_trusted_source_wins_and_those_that_agree_are_named() -> None:
    said = [Statement((8443,), "route"), Statement((8443, 9100), "EXPOSE"), Statement[int]((), "silent")]
    assert weigh(said) == Weighed(8443, ("route", "EXPOSE"))


def test_sources_that_differ_are_a_question_with_what_each_says() -> None:
    said = [Statement((8443,), "route"), Statement((80,), "EXPOSE"), Statement((8443,), "label")]
    assert weigh(said) == Weighed(8443, ("route", "label"), "route says 8443; label says 8443; EXPOSE says 80")


def test_a_later_source_chooses_among_several() -> None:
    assert weigh([Statement((1, 2), "expose"), Statement((2, 3), "EXPOSE")]).value == 2
    assert weigh([Statement((1, 2), "expose")]).question == "which of 1, 2? expose says 1 or 2"


def test_one_unsure_source_is_a_question_until_a_sure_one_agrees() -> None:
    unsure = Statement(("/health",), "URLS of checker", sure=False)
    assert weigh([unsure]).question == "only URLS of checker says it: does it answer 2xx without credentials?"
    assert weigh([unsure, Statement(("/health",), "HEALTHCHECK")]).question == ""


def test_nothing_said_is_no_value() -> None:
    assert weigh([Statement[int]((), "silent")]) == Weighed(None)
