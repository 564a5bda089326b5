"""Rules of Traefik's routers: what is refused, and a request that each matches."""

import pytest

from app.domain.routing.matchers import RuleInvalid
from app.domain.routing.rule import parse
from app.domain.routing.rule_match import Client, client_of

LIKE = Client("traefik", "/health")

INVALID = [
    ("", "its end"),
    ("   ", "its end"),
    ("Host", r"\("),
    ("Host()", "1 values, not 0"),
    ("Host(`a.b`", "its end stands where"),
    ("Host(`a.b`))", r"\) is not expected"),
    ("Host(`a.b`, `c.d`)", r"write Host\(`a.b`\) \|\| Host\(`c.d`\)"),
    ("Host('a.b')", "backticks"),
    ("Host(a.b)", "is not expected there"),
    ("Host(`a.b)", "without its end"),
    ('Host("a.b)', "without its end"),
    ("Host(`a.b`) Path(`/x`)", "join matchers with && or"),
    ("Host(`a.b`) & Path(`/x`)", "& is not expected"),
    ("Host(`a.b`) &&", "its end"),
    ("&& Host(`a.b`)", "&& stands where a matcher"),
    ("!", "its end"),
    ("Host(`a.b`)\n  || Host(`c.d`)", r"A line break after \) ends the rule: put \|\| on the same line"),
    ("(Host(`a.b`)", r"\)"),
    ("Domain(`a.b`)", "Domain is no matcher"),
    ("hOst(`a.b`)", "hOst is no matcher"),
    ("Headers(`a`, `b`)", "Headers is no matcher"),
    ("Header(`a`)", "2 values, not 1"),
    ("Query(`a`, `b`, `c`)", "1 or 2 values, not 3"),
    ("PathPrefix(`api`)", "must start with /"),
    ("Path(``)", "must start with /"),
    ("Host(`https://a.b`)", "is not a host name"),
    ("Host(`a.b:443`)", "is not a host name"),
    ("Host(`*`)", "is not a host name"),
    ("Host(`*a.b`)", "is not a host name"),
    ("Host(`**.a.b`)", "is not a host name"),
    ("Host(`a.*.b`)", "is not a host name"),
    ("Host(``)", "is not a host name"),
    ("Host(`a..b`)", "is not a host name"),
    ("Host(`.a`)", "is not a host name"),
    (f"Host(`{'a' * 64}.b`)", "is not a host name"),
    ("(" * 100_000, "nested too deeply"),
    ("!" * 100_000, "nested too deeply"),
    ("Host(`ä.example`)", "ASCII"),
    ("HostRegexp(`(a`)", "not a regular expression"),
    ("PathRegexp(`[`)", "not a regular expression"),
    ("PathRegexp(`^/(?!api)`)", r"has \(\?!, which Traefik's expressions do not know"),
    (r"PathRegexp(`(a)\1`)", "do not know"),
    ("ClientIP(`10.0.0.0/33`)", "neither an address nor a range"),
    ("ClientIP(`here`)", "neither an address nor a range"),
]


@pytest.mark.parametrize(("rule", "why"), INVALID)
def test_invalid_rule_is_refused_with_the_reason(rule: str, why: str) -> None:
    with pytest.raises(RuleInvalid, match=why):
        parse(rule)


MATCHED = [
    ("PathPrefix(`/`)", LIKE),
    ("Host(`shop.example.org`)", Client("shop.example.org", "/health")),
    ('Host("Shop.Example.org")', Client("shop.example.org", "/health")),
    ("HOST(`a.b`)", Client("a.b", "/health")),
    ("host(`a.b`)", Client("a.b", "/health")),
    ("Host(`a.b`) && PathPrefix(`/api`)", Client("a.b", "/api")),
    ("Host(`a.b`) && PathPrefix(`/he`)", Client("a.b", "/health")),
    ("Host(`a.b`) || Host(`c.d`)", Client("a.b", "/health")),
    ("(Host(`a.b`) || Host(`c.d`)) && !Host(`a.b`)", Client("c.d", "/health")),
    ("Host(`a.b`) && !PathPrefix(`/admin`)", Client("a.b", "/health")),
    ("Host(`a.b`) || Host(`c.d`) && Path(`/x`)", Client("a.b", "/health")),
    ("!(Host(`traefik`) || Path(`/x`)) || Host(`e.f`)", Client("e.f", "/health")),
    ("Path(`/x`)", Client("traefik", "/x")),
    ("Host(`a.b`) && !PathPrefix(`/health`)", Client("a.b", "/")),
    ("PathPrefix(`/app`) && !Path(`/app/health`)", Client("traefik", "/app")),
    ("Host(`a.b`) ||\nHost(`c.d`)\n", Client("a.b", "/health")),
    ("PathPrefix(`/api`) || PathPrefix(`/health`)", LIKE),
    ("PathPrefix(`/(`)", Client("traefik", "/(")),
    ("PathRegexp(`^(?i)/HEALTH$`)", LIKE),
    ("Host(`a.b`) || PathPrefix(`/health`)", LIKE),
    ("Path(`/x`) || Host(`a.b`)", Client("a.b", "/health")),
    ("Header(`X-Tenant`, `one`)", Client("traefik", "/health", headers={"X-Tenant": "one"})),
    ("Query(`v`, `2`)", Client("traefik", "/health", query={"v": "2"})),
    ("Query(`v`)", Client("traefik", "/health", query={"v": ""})),
    ("Method(`get`)", LIKE),
    ("Method(`POST`)", Client("traefik", "/health", method="POST")),
    ("HostRegexp(`^tr.+$`)", LIKE),
    ("PathRegexp(`^/hea(lth)?$`)", LIKE),
    ("PathRegexp(`^/(?<all>[[:lower:]]+)$`)", LIKE),
    ("Host(`a.b`) && ClientIP(`10.0.0.0/8`)", Client("a.b", "/health")),
    ("!ClientIP(`10.0.0.0/8`)", LIKE),
]


@pytest.mark.parametrize(("rule", "client"), MATCHED)
def test_request_that_the_rule_matches_is_found(rule: str, client: Client) -> None:
    assert client_of(rule, LIKE) == client


@pytest.mark.parametrize(
    "rule",
    [
        "HostRegexp(`^.+\\.example\\.org$`)",
        "PathRegexp(`^/v[0-9]+/`)",
        r"PathRegexp(`^/\p{Lu}`)",
        "HeaderRegexp(`X-Tenant`, `.+`)",
        "!PathPrefix(`/`)",
        "Host(`a.b`) && Host(`c.d`)",
        "Path(`/x`) && !PathPrefix(`/x`)",
        "!PathPrefix(`/health`) && !Path(`/`) && !PathPrefix(`/up`)",
        "HeaderRegexp(`X-Tenant`, `.*`)",
    ],
)
def test_rule_without_a_known_request_yields_none(rule: str) -> None:
    assert client_of(rule, LIKE) is None


def test_many_alternatives_end() -> None:
    rule = " && ".join(f"(PathPrefix(`/{n}`) || PathPrefix(`/x{n}`))" for n in range(40))
    assert client_of(rule, LIKE) is None


def test_rule_with_a_thousand_hosts_is_read() -> None:
    rule = " || ".join(f"Host(`h{n}.example.org`)" for n in range(1500))
    assert client_of(rule, LIKE) == Client("h0.example.org", "/health")


@pytest.mark.parametrize(
    ("like", "host"),
    [
        ("traefik", "updater-probe.a.b"),
        ("shop.a.b", "shop.a.b"),
        ("a.b", "updater-probe.a.b"),
        ("x.shop.a.b", "updater-probe.a.b"),
    ],
)
def test_wildcard_of_a_host_is_one_label(like: str, host: str) -> None:
    assert client_of("Host(`*.A.b`)", Client(like, "/")) == Client(host, "/")


def test_wildcard_that_must_not_match_is_left_out() -> None:
    rule = "Host(`a.b`) && !Host(`*.a.b`)"
    assert client_of(rule, Client("shop.a.b", "/")) == Client("a.b", "/")
    assert client_of("Host(`x.a.b`) && !Host(`*.a.b`)", Client("a.b", "/")) is None
