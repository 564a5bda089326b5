from ipaddress import ip_network

import pytest
from starlette.requests import Request

from app.web.internal.proxies import TrustedProxies

PROXY, CDN, CLIENT, STRANGER = "172.18.0.5", "10.1.2.3", "203.0.113.7", "198.51.100.9"
PROXIES = TrustedProxies((ip_network(PROXY), ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))


def request(peer: str | None, *headers: tuple[str, str]) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "headers": raw, "client": (peer, 1) if peer else None})


def forwarded(peer: str, *lines: str) -> str:
    return PROXIES.address(request(peer, *(("X-Forwarded-For", line) for line in lines)))


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        (STRANGER, [CLIENT], STRANGER),
        (PROXY, [], PROXY),
        (PROXY, [CLIENT], CLIENT),
        (PROXY, [f"{STRANGER}, {CLIENT}"], CLIENT),
        (PROXY, [STRANGER, CLIENT], CLIENT),
        (PROXY, [f"{CLIENT}, {CDN}"], CLIENT),
        (PROXY, [f"127.0.0.1, {CLIENT}, {CDN}"], CLIENT),
        (PROXY, ["not an address"], PROXY),
        (PROXY, [f"{CLIENT}, x, {CDN}"], CDN),
        (PROXY, [""], PROXY),
        (f"::ffff:{PROXY}", [f"::ffff:{CLIENT}"], CLIENT),
        ("2001:db8::1", ["2001:DB9::2"], "2001:db9::2"),
    ],
)
def test_address_is_the_last_untrusted_one(peer: str, lines: list[str], address: str) -> None:
    assert forwarded(peer, *lines) == address


def test_without_proxies_no_header_counts() -> None:
    untrusting = TrustedProxies()
    sent = request(CLIENT, ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Proto", "https"))
    assert (untrusting.address(sent), untrusting.uses_tls(sent)) == (CLIENT, False)


@pytest.mark.parametrize(
    ("peer", "values", "expected"),
    [
        (PROXY, ["https"], True),
        (PROXY, ["HTTPS"], True),
        (PROXY, ["http"], False),
        (PROXY, [], False),
        (PROXY, ["https, http"], False),
        (PROXY, ["http", "https"], True),
        (STRANGER, ["https"], False),
        (None, ["https"], False),
    ],
)
def test_tls_is_what_a_trusted_proxy_reports(peer: str | None, values: list[str], expected: bool) -> None:
    assert PROXIES.uses_tls(request(peer, *(("X-Forwarded-Proto", value) for value in values))) is expected


def test_request_without_a_peer_has_no_address() -> None:
    assert PROXIES.address(request(None)) == "unknown"
