import inspect

from app.domain import errors
from app.domain.errors import NeverHealthy, UpdaterError


def test_the_docstring_is_the_message() -> None:
    assert str(NeverHealthy()) == "The new color did not become healthy"
    assert str(NeverHealthy("HTTP 500", service="api")) == "The new color did not become healthy (api): HTTP 500"


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = [k for _, k in inspect.getmembers(errors, inspect.isclass) if issubclass(k, UpdaterError)]
    assert len({k.code for k in kinds}) == len(kinds)
    assert all(k.__doc__ for k in kinds)
