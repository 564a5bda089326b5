from app.cli.init.traefik.entrypoints import EntryPoint, routable, url

POINTS = {
    name: EntryPoint(name, port, redirects=name == "web")
    for port, name in enumerate(("web", "skills", "api", "metrics", "traefik"), start=80)
}


def test_unused_traefik_entrypoints_are_left_out() -> None:
    assert list(routable(POINTS, [], [])) == ["skills"]
    assert list(routable(POINTS, ["api"], [])) == ["skills", "api"]
    assert list(routable(POINTS, [], ["metrics"])) == ["skills", "metrics"]


def test_redirecting_entrypoint_needs_a_router() -> None:
    assert list(routable(POINTS, ["web"], [])) == ["web", "skills"]
    assert list(routable(POINTS, [], ["web"])) == ["skills"]


def test_url_scheme_follows_the_entrypoint() -> None:
    urls = [url("traefik", 80, tls=False), url("traefik", 443, tls=False), url("traefik", 8443, tls=True)]
    assert urls == ["http://traefik:80", "http://traefik:443", "https://traefik:8443"]
