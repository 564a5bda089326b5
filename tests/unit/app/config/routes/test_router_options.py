"""Options of Traefik's router and load balancer in the stack file."""

from typing import Any

import pytest

from app.config.stack_file import parse_stack
from app.domain.errors import StackInvalid
from tests.unit.app.config.test_stack_file import content, routed

LE = {"certResolver": "le"}


def read(**keys: Any) -> Any:
    given = content(traefik={"entrypoints": {"web": "https://traefik:443"}}, routed={"api": routed(**keys)})
    return parse_stack(given).routed[0]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"tls": {"certResolvr": "le"}}, "tls/certResolvr: is not a known key: write certResolver"),
        ({"tls": {"x": 1}}, "tls/x: is not a known key: the keys are certResolver, options, domains"),
        ({"tls": {"domains": "*.example.org"}}, "tls/domains: should be a list"),
        ({"tls": {"domains": ["*.example.org"]}}, "tls/domains/0: should be a mapping"),
        ({"tls": {"domains": [{"sans": ["a.b"]}]}}, "tls/domains/0/main: is missing"),
        ({"tls": {"domains": [{"main": "a.b", "san": []}]}}, "tls/domains/0/san: is not a known key: write sans"),
        ({"tls": {"certResolver": {"a": 1}}}, "tls/certResolver: should be text"),
        ({"sticky": {"cokie": {}}}, "sticky/cokie: is not a known key: write cookie"),
        ({"sticky": {"cookie": {"maxage": "x"}}}, "sticky/cookie/maxAge: should be a whole number"),
        ({"sticky": {"cookie": {"secure": "x"}}}, "sticky/cookie/secure: should be true or false"),
        ({"sticky": {"cookie": {"sameSite": "x"}}}, "sticky/cookie/sameSite: should be 'none', 'lax' or 'strict'"),
        ({"sticky": {"cookie": 5}}, "sticky/cookie: should be a mapping"),
    ],
)
def test_option_unknown_to_traefik_is_refused(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(StackInvalid) as refused:
        read(**keys)
    assert str(refused.value).splitlines()[1:] == [f"  routed/api/{problem}"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (True, {}),
        (False, None),
        ({}, {}),
        ({"certresolver": "le", "OPTIONS": "strict@file"}, {**LE, "options": "strict@file"}),
        ({**LE, "domains": [{"main": "a.b", "sans": ["*.a.b"]}, {"main": "c.d"}]},) * 2,
    ],
)
def test_tls_options_are_read(given: Any, expected: Any) -> None:
    assert read(tls=given).routes[0].tls == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ({}, {}),
        ({"cookie": {}}, {"cookie": {}}),
        ({"cookie": True}, {"cookie": {}}),
        (
            {
                "cookie": {
                    "name": "s",
                    "httponly": "true",
                    "samesite": "Lax",
                    "maxage": "60",
                    "path": "/",
                    "domain": "a",
                }
            },
            {"cookie": {"name": "s", "httpOnly": True, "sameSite": "lax", "maxAge": 60, "path": "/", "domain": "a"}},
        ),
    ],
)
def test_sticky_options_are_read(given: Any, expected: Any) -> None:
    assert read(sticky=given).sticky == expected
