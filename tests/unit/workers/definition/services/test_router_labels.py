import pytest

from app.domain.routing.routes import ClientRoute
from tests.examples import a_routed
from workers.definition.services.router_labels import is_route, problems_of

MIDDLEWARES = "traefik.http.routers.web.middlewares"


def refused(labels: dict[str, str], *middlewares: str) -> list[str]:
    return list(
        problems_of({"labels": labels}, a_routed("web", 8000, "/", ClientRoute("web", middlewares=middlewares)))
    )


@pytest.mark.parametrize(
    ("label", "makes_one"),
    [
        ("traefik.http.routers.web.rule", True),
        ("Traefik.HTTP.Services.web.LoadBalancer.server.port", True),
        ("traefik.http.middlewares.auth.basicauth.users", False),
        ("traefik.enable", False),
        ("traefik.tcp.routers.db.rule", False),
        ("team", False),
    ],
)
def test_labels_of_routers_and_services_make_routes(label: str, makes_one: bool) -> None:
    assert is_route(label) is makes_one


@pytest.mark.parametrize("known", [("auth@docker", "compress@file"), ("auth@swarm", "compress@file")])
def test_middlewares_that_the_stack_file_has_are_kept(known: tuple[str, ...]) -> None:
    assert refused({MIDDLEWARES: "auth, compress@file"}, *known) == []


def test_middleware_that_would_be_lost_is_refused() -> None:
    """A site with a password would be open without one."""
    assert refused({MIDDLEWARES: "auth,compress@file,slow@file"}, "compress@file") == [
        "its labels have a router with the middlewares auth, slow@file, and routed/web in the stack file, which "
        "replaces that router, does not have them. Write middlewares: [compress@file, auth@docker, slow@file] there"
    ]


def test_middleware_of_its_own_labels_is_refused() -> None:
    """Both colors define it, each while Docker reports it as healthy: a flip could leave the route without it."""
    own = {"traefik.http.middlewares.auth.basicauth.users": "me:x", MIDDLEWARES: "auth"}
    elsewhere = (
        "Define auth in a file of Traefik's watched directory, or in the labels of a service that no rollout moves"
    )
    assert refused(own, "auth@docker", "other@docker") == [
        "its labels define the middleware auth, which routed/web in the stack file uses. Traefik drops it while Docker "
        "does not report a color as healthy, or if the colors of two releases define it in different ways, and then "
        f"the route answers 404. {elsewhere}"
    ]
    (lost,) = refused(own)
    assert lost.endswith(f" does not have them. Write middlewares: [auth@file] there. {elsewhere}")
    assert refused(own, "auth@file") == []


def test_labels_that_traefik_ignores_lose_nothing() -> None:
    assert refused({MIDDLEWARES: "auth", "traefik.enable": "False"}) == []


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_router_that_no_flip_moves_is_refused(protocol: str) -> None:
    (problem,) = refused({f"traefik.{protocol}.routers.db.entrypoints": "db"})
    assert problem.startswith(f"its label traefik.{protocol}.routers.db.entrypoints makes a TCP or UDP route, ")
