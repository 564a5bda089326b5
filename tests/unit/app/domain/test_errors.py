import inspect

from app.domain import errors
from app.domain.errors import Fault, NeverHealthy, UpdaterError, fault_of, sentence_of


def test_the_docstring_is_the_message() -> None:
    assert str(NeverHealthy()) == "The new color did not become healthy"
    assert str(NeverHealthy("HTTP 500", service="api")) == "The new color did not become healthy (api): HTTP 500"


def test_every_error_has_a_unique_code() -> None:
    kinds = [k for _, k in inspect.getmembers(errors, inspect.isclass) if issubclass(k, UpdaterError)]
    assert len({k.code for k in kinds}) == len(kinds)
    assert all(k.__doc__ for k in kinds)


def test_sentence_is_rebuilt_from_code_and_detail() -> None:
    assert sentence_of("cancelled", "before it began") == "An operator cancelled the rollout: before it began"
    assert sentence_of("cancelled", None) == "An operator cancelled the rollout"
    assert sentence_of("of_an_older_version", "why") == "why"
    assert sentence_of(None, None) == ""


def test_refinement_of_an_error_keeps_its_fault() -> None:
    assert fault_of("already_live") is Fault.OPERATOR
    assert sentence_of("already_live", None) != ""
    assert fault_of("of_an_older_version") is Fault.MACHINE
