import pytest

from app.cli.init.project.url_lists import Listed, listed_urls

HOSTS = {"web-blue": "web-blue", "web-green": "web-green", "the-api": "api-blue"}


def found(value: str) -> list[Listed]:
    return listed_urls({"checker": {"environment": {"ANY_NAME": value}}}, HOSTS)


def test_url_list_splits_at_commas_and_spaces() -> None:
    where = "ANY_NAME of checker"
    expected = [Listed("web-blue", 8000, "/healthz", where), Listed("api-blue", 443, "/api/v1/health", where)]
    assert found("http://web-blue:8000/healthz,https://the-api/api/v1/health") == expected
    assert found(" http://web-blue:8000/healthz  https://the-api/api/v1/health ") == expected
    assert found('["http://web-blue:8000/healthz", "https://the-api/api/v1/health"]') == expected


@pytest.mark.parametrize(
    "path", ["/health", "/health?full=1", "/-/ready", "/_health/live", "/up", "/service/ai/v1/health", "/status/"]
)
def test_path_named_after_health_is_checked(path: str) -> None:
    assert [url.path for url in found(f"http://web-blue:8000{path}")] == [path]


@pytest.mark.parametrize("path", ["", "/", "/bridge/v1/ingest", "/upload", "/v1"])
def test_other_path_yields_only_the_port(path: str) -> None:
    assert [(url.port, url.path) for url in found(f"http://web-blue:8000{path}")] == [(8000, None)]


def test_path_listed_for_both_colors_is_checked() -> None:
    assert [url.path for url in found("http://web-blue:1/login,http://web-green:1/login")] == ["/login", "/login"]


@pytest.mark.parametrize("value", ["", "http", "see http://web-blue:8000/health", "http://elsewhere/health", "a://b"])
def test_invalid_or_foreign_url_list_is_ignored(value: str) -> None:
    assert found(value) == []
