import pytest

from app.config.stack_file import parse_stack
from app.domain.public_page import page_of
from tests.unit.app.config.test_stack_file import content, problems


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://updater.example.org", "https://updater.example.org"),
        ("https://updater.example.org/", "https://updater.example.org"),
        ("HTTPS://Example.org:8443/", "HTTPS://Example.org:8443"),
        ("http://updater:9090", "http://updater:9090"),
        ("http://[fd00::1]:9090", "http://[fd00::1]:9090"),
        ("http://192.0.2.7:9090", "http://192.0.2.7:9090"),
    ],
)
def test_public_url_is_read(written: str, read: str) -> None:
    assert parse_stack(content(public_url=written)).public_url == read


def test_without_a_public_url_there_is_no_link() -> None:
    stack = parse_stack(content())
    assert (stack.public_url, stack.github.log_url) == (None, None)
    assert page_of(stack.public_url, "r-1") is None


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("updater.example.org", "should begin with https:// or http://"),
        ("ftp://updater.example.org", "should begin with https:// or http://"),
        ("javascript:alert(1)", "should begin with https:// or http://"),
        ("https://ada:secret@updater.example.org", "no user name and no password"),
        ("https://ada@updater.example.org", "no user name and no password"),
        ("https://updater.example.org?token=x", "nothing after ? or #"),
        ("https://updater.example.org/#now", "nothing after ? or #"),
        ("https://", "invalid host or port"),
        ("https:///rollouts", "invalid host or port"),
        ("https://-x.example.org", "invalid host or port"),
        ("https://example..org", "invalid host or port"),
        ("https://example.org:", "invalid host or port"),
        ("https://example.org:0", "invalid host or port"),
        ("https://example.org:99999", "invalid host or port"),
        ("https://[fd00::1", "invalid host or port"),
        ("https://example.org/ops/updater", "no path: the dashboard needs a host or a port of its own"),
        ("https://example.org/ops/updater/", "no path"),
        ("https://example.org/a/../b", "no path"),
        ("https://example.org/./b", "no path"),
        ("https://example.org//b", "no path"),
        ("https://example.org//", "no path"),
        ("https://example.org/%2e%2e/b", "only letters, digits"),
        ("https://example.org/a b", "only letters, digits"),
        ("https://example.org\\@evil.example", "no user name"),
        ("https://example.org\\evil", "only letters, digits"),
        ("https://example.org/{rollout_id}", "only letters, digits"),
        ("https://example.org\n.evil.example", "only letters, digits"),
        ("https://bücher.example", "xn--"),
        (7, "should be text"),
        ("https://" + "x" * 300, "at most 300 characters"),
    ],
)
def test_a_wrong_public_url_is_refused_by_name(written: object, why: str) -> None:
    (problem,) = problems(public_url=written)
    assert problem.startswith("public_url: ")
    assert why in problem


def test_password_in_a_public_url_is_not_repeated() -> None:
    assert "geheim" not in problems(public_url="https://ada:geheim@updater.example.org")[0]


def test_deployments_lead_to_the_rollouts_page() -> None:
    stack = parse_stack(content(public_url="https://updater.example.org/"))
    assert stack.github.log_url == "https://updater.example.org/rollouts/{rollout_id}"


def test_log_url_of_its_own_wins() -> None:
    own = "https://logs.example.org/{rollout_id}"
    stack = parse_stack(content(public_url="https://updater.example.org", github={"log_url": own}))
    assert stack.github.log_url == own


def test_an_unusual_rollout_id_stays_in_its_path() -> None:
    assert page_of("https://u.example", "r-1") == "https://u.example/rollouts/r-1"
    assert page_of("https://u.example", "../x?y#z") == "https://u.example/rollouts/..%2Fx%3Fy%23z"
    assert page_of("https://u.example") == "https://u.example/"
