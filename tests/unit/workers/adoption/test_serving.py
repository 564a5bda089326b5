"""Which color serves, from the files that Traefik reads and the running containers; and every reason to refuse."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.domain.errors import AdoptionRefused
from app.domain.stack import Color
from tests.examples import a_stack
from workers.adoption.reach import hosts_of
from workers.adoption.serving import Serving, serving_color, shadows
from workers.ports import Instance
from workers.routing import route_file
from workers.routing.routers import read_routing

STACK = a_stack()
FILE = """
http:
  routers:
    skills: {entryPoints: [web], rule: "PathPrefix(`/`)", service: skills-blue}
    api: {entryPoints: [api], rule: "PathPrefix(`/api`)", service: api-blue}
  services:
    skills-blue: {loadBalancer: {servers: [{url: "http://skills-blue:8080"}]}}
    skills-green: {loadBalancer: {servers: [{url: "http://skills-green:8080"}]}}
    api-blue: {loadBalancer: {servers: [{url: "http://api-blue:8090"}]}}
    api-green: {loadBalancer: {servers: [{url: "http://api-green:8090"}]}}
"""
SKILLS_ONLY = """
http:
  routers:
    front: {entryPoints: [web], rule: "PathPrefix(`/`)", service: front}
  services:
    front: {loadBalancer: {servers: [{url: "http://shop-skills:8080/"}]}}
"""
API_ONLY = """
[http.routers.back]
entryPoints = ["api"]
rule = 'PathPrefix("/api")'
service = "back@file"
[[http.services.back.loadBalancer.servers]]
url = "http://10.0.0.7:8090"
"""
EVERYTHING = ("skills-blue", "api-blue", "skills-green", "api-green", "bot")


def running(*services: str, state: str = "running", **more: object) -> list[Instance]:
    return [Instance(f"c-{name}", name, state, names=(name,), **more) for name in services]  # type: ignore[arg-type]


def serves(files: dict[str, str], instances: Sequence[Instance]) -> Serving | None:
    found = {service: [i for i in instances if i.service == service] for service in STACK.moved_services()}
    return serving_color(STACK, read_routing(files, hosts_of(STACK, found)), found)


def refusal(files: dict[str, str], instances: Sequence[Instance]) -> str:
    with pytest.raises(AdoptionRefused) as refused:
        serves(files, instances)
    return refused.value.detail


def edited(old: str, new: str) -> dict[str, str]:
    assert old in FILE
    return {"routes.yml": FILE.replace(old, new)}


def test_routers_of_any_name_identify_the_color() -> None:
    found = serves({"routes.yml": FILE}, running(*EVERYTHING))
    assert found is not None
    assert (found.color, found.files) == (Color.BLUE, ("routes.yml",))
    assert {i.service for i in found.instances} == {"skills-blue", "api-blue", "bot"}


def test_yaml_toml_and_container_names_are_read() -> None:
    containers = [
        Instance("1", "skills-green", "running", names=("shop-skills", "skills-green")),
        Instance("2", "api-green", "running", names=("shop-api", "api-green"), address="10.0.0.7"),
    ]
    found = serves({"a.yml": SKILLS_ONLY, "more/b.toml": API_ONLY}, containers)
    assert found is not None
    assert (found.color, found.files) == (Color.GREEN, ("a.yml", "more/b.toml"))


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(edited("entryPoints: [web]", "entryPoints: web"), id="a text for a list"),
        pytest.param(
            {"routes.yml": FILE.replace("rule:", "Rule:").replace("servers:", "SERVERS:").replace("http:", "HTTP:", 1)},
            id="option names in another case",
        ),
        pytest.param(
            edited("service: api-blue}", "service: api-blue, middlewares: [], tls: null, priority: 0}"),
            id="options that are empty",
        ),
        pytest.param(edited("service: api-blue}", "service: api-blue, ruleSyntax: v3}"), id="the usual rule syntax"),
        pytest.param({"routes.yml": FILE, "empty.yml": "", "null.yml": "http:\n"}, id="empty files"),
        pytest.param(
            {
                "routes.yml": FILE,
                "odd.yml": "http: {routers: {x: {entryPoints: 5, service: x}, y: 7}, services: {x: 1}}",
            },
            id="values of another type",
        ),
        pytest.param(
            {
                "routes.yml": FILE,
                "odd.yml": "http: {services: {x: {weighted: {services: 5}, loadBalancer: {servers: 5}}}}",
            },
            id="lists of another type",
        ),
    ],
)
def test_every_form_traefik_accepts_is_read(files: dict[str, str]) -> None:
    found = serves(files, running(*EVERYTHING))
    assert found is not None
    assert (found.color, found.files) == (Color.BLUE, ("routes.yml",))


def test_updaters_own_file_is_always_adopted() -> None:
    found = serves({"updater-routes.yml": route_file.render(STACK, Color.GREEN, "r-1")}, running(*EVERYTHING))
    assert found is not None
    assert found.color is Color.GREEN


GREEN_SERVICES = """
http:
  services:
    skills-blue: {loadBalancer: {servers: [{url: "http://skills-green:8080"}]}}
    api-blue: {loadBalancer: {servers: [{url: "http://api-green:8090"}]}}
"""


def test_first_definition_of_a_service_wins() -> None:
    files = {"a/services.yml": GREEN_SERVICES, "b.yml": FILE}
    assert {c for r in read_routing(files, hosts_of(STACK, {})).routers for c in r.colors} == {Color.GREEN}
    files = {"a.yml": FILE, "b.yml": GREEN_SERVICES}
    assert {c for r in read_routing(files, hosts_of(STACK, {})).routers for c in r.colors} == {Color.BLUE}


def test_file_seen_twice_by_a_symlink_is_adopted() -> None:
    found = serves({"routes.yml": FILE, "..2026_01/routes.yml": FILE}, running(*EVERYTHING))
    assert found is not None
    assert found.files == ("..2026_01/routes.yml", "routes.yml")


SHARED = {"routes.yml": FILE.replace("//skills-blue:", "//skills:").replace("//api-blue:", "//api:")}
"""The names that both colors share in their network."""


def shared(service: str, *, state: str = "running") -> Instance:
    return Instance(f"c-{service}", service, state, names=(service, service.partition("-")[0]))


def test_shared_name_of_both_colors_is_refused() -> None:
    both = [shared(name) for name in ("skills-blue", "api-blue", "skills-green", "api-green")]
    assert "two colors have traffic (router skills in routes.yml leads to http://skills:8080;" in refusal(SHARED, both)


def test_shared_name_leads_to_the_running_color() -> None:
    blue = [shared(name) for name in ("skills-blue", "api-blue")]
    green = [shared(name, state="exited") for name in ("skills-green", "api-green")]
    found = serves(SHARED, [*blue, *green])
    assert found is not None
    assert found.color is Color.BLUE


def test_upper_case_names_are_accepted() -> None:
    stack = a_stack(
        routed=tuple(replace(s, colors={c: name.upper() for c, name in s.colors.items()}) for s in STACK.routed)
    )
    found = {name: running(name) for name in ("SKILLS-BLUE", "API-BLUE")}
    upper = FILE.replace("http://skills-blue", "http://SKILLS-BLUE").replace("http://api-blue", "http://API-BLUE")
    serving = serving_color(stack, read_routing({"routes.yml": upper}, hosts_of(stack, found)), found)
    assert serving is not None
    assert serving.color is Color.BLUE
    assert read_routing({"back.TOML": API_ONLY}, {}).unreadable == {}


def test_nothing_serves_if_no_color_runs() -> None:
    assert serves({"routes.yml": FILE}, []) is None
    assert serves({"routes.yml": FILE}, running("skills-blue", "api-blue", state="exited")) is None
    assert serves({}, running("bot")) is None


def test_foreign_template_is_ignored() -> None:
    assert serves({"routes.yml": FILE, "t.yml": "http:\n{{ range x }}\n - {{ . }}\n"}, running(*EVERYTHING)) is not None


def test_separate_file_may_have_any_content() -> None:
    other = (
        "http: {routers: {blog: {rule: Host(`blog`), entryPoints: [web], service: blog}}}\ntls: {certificates: []}\n"
    )
    assert serves({"routes.yml": FILE, "blog.yml": other}, running(*EVERYTHING)) is not None


@pytest.mark.parametrize(
    ("files", "instances", "reasons"),
    [
        pytest.param(
            edited("service: api-blue}", "service: api-green}"),
            running(*EVERYTHING),
            ["two colors have traffic", "router api in routes.yml leads to http://api-green:8090"],
            id="two routers, two colors",
        ),
        pytest.param(
            edited(
                '[{url: "http://api-blue:8090"}]', '[{url: "http://api-blue:8090"}, {url: "http://api-green:8090"}]'
            ),
            running(*EVERYTHING),
            ["two colors have traffic"],
            id="one router, two colors",
        ),
        pytest.param(
            {"routes.yml": FILE},
            running("skills-blue", "skills-green", "api-green"),
            ["api-blue does not run (it has no container): start it, or stop all of blue"],
            id="a service of the color is missing",
        ),
        pytest.param(
            {"routes.yml": FILE},
            [*running("skills-blue"), *running("api-blue", state="exited")],
            ["api-blue does not run (its container is exited)"],
            id="a service of the color is stopped",
        ),
        pytest.param(
            {"routes.yml": FILE},
            running("skills-green", "api-green"),
            ["the routers lead to blue, but skills-blue does not run"],
            id="the other color runs",
        ),
        *(
            pytest.param(
                {"routes.yml": FILE},
                running("skills-blue", "api-blue", state=state),
                [
                    f"skills-blue does not run (its container is {state})",
                    f"api-blue does not run (its container is {state})",
                ],
                id=f"the whole color is {state}",
            )
            for state in ("paused", "restarting")
        ),
        pytest.param(
            {}, running("skills-green", state="paused"), ["leads to the running skills-green"], id="paused, no router"
        ),
        pytest.param({}, running(*EVERYTHING), ["no router in the watched directory leads"], id="no router"),
        pytest.param(
            edited("http://api-blue:8090", "http://legacy:8090"),
            running(*EVERYTHING),
            ["leads to http://legacy:8090: remove it", "no router for `PathPrefix(`/api`)` at the entrypoint api"],
            id="a router leads elsewhere",
        ),
        pytest.param(
            edited('{url: "http://api-blue:8090"}', '{url: "http://api-blue:8090"}, {url: "http://legacy:80"}'),
            running(*EVERYTHING),
            ["router api in routes.yml also leads to http://legacy:80"],
            id="a router leads elsewhere too",
        ),
        pytest.param(
            edited("http://api-blue:8090", "http://api-blue:9999"),
            running(*EVERYTHING),
            ["connects to api by http at port 9999", "the updater's router by http at port 8090", "routed/api/port"],
            id="another port",
        ),
        pytest.param(
            edited("http://api-blue:8090", "http://api-blue"),
            running(*EVERYTHING),
            ["connects to api by http at port 80,"],
            id="the port of the scheme",
        ),
        pytest.param(
            edited("http://api-blue:8090", "https://api-blue:8090"),
            running(*EVERYTHING),
            ["connects to api by https at port 8090, but the updater's router by http at port 8090"],
            id="another scheme",
        ),
        pytest.param(
            edited("http://api-blue:8090", "h2c://api-blue:8090"),
            running(*EVERYTHING),
            ["connects to api by h2c at port 8090"],
            id="HTTP/2 without TLS",
        ),
        pytest.param(
            edited("http://api-blue:8090", "http://api-blue:80x"),
            running(*EVERYTHING),
            ["leads to http://api-blue:80x: remove it"],
            id="no port that can be read",
        ),
        pytest.param(
            edited('"http://api-blue:8090"}', '"http://api-blue:8090/base", preservePath: true}'),
            running(*EVERYTHING),
            ["router api in routes.yml has preservePath"],
            id="a path that is put before the request's",
        ),
        pytest.param(
            edited("entryPoints: [api]", "entryPoints: [api, public]"),
            running(*EVERYTHING),
            [
                "router api in routes.yml also answers at public",
                "the updater's router answers only at api",
                "set `entryPoints: [api]`",
            ],
            id="another entrypoint too",
        ),
        pytest.param(
            edited("entryPoints: [api], ", ""),
            running(*EVERYTHING),
            ["router api in routes.yml also answers at every entrypoint"],
            id="every entrypoint",
        ),
        pytest.param(
            edited("PathPrefix(`/api`)", "Host(`shop`)"),
            running(*EVERYTHING),
            ["for `Host(`shop`)` at api, but the stack file has no such route", "correct routed/api in the stack file"],
            id="another rule",
        ),
        pytest.param(
            edited("service: api-blue}", "service: api-blue, middlewares: [auth@docker], priority: 3}"),
            running(*EVERYTHING),
            [
                "router api in routes.yml has middlewares [auth@docker], but routed/api in the stack file has not set",
                "router api in routes.yml has priority 3",
                "Write the same there",
            ],
            id="options that would be lost",
        ),
        pytest.param(
            edited("service: api-blue}", "service: api-blue, ruleSyntax: v2}"),
            running(*EVERYTHING),
            ["router api in routes.yml has rulesyntax"],
            id="another rule syntax",
        ),
        *(
            pytest.param({"routes.yml": FILE, "odd.yml": text}, running(*EVERYTHING), [reason], id=text)
            for text, reason in {
                "http: {}": "odd.yml cannot be read (http is empty",
                "http: {routers: null}": "(http is empty",
                "http: []": "(http is empty",
                "http: {routers: {}, services: {x: {}}}": "(http/routers is empty",
                "tls: {options: {x: null}}": "(tls/options is empty",
            }.items()
        ),
        pytest.param(
            {"routes.yml": FILE, "deep.yml": "[" * 1_000},
            running(*EVERYTHING),
            ["deep.yml cannot be read"],
            id="a file that is nested too deep",
        ),
        pytest.param(
            edited("api-blue: {loadBalancer: {", "api-blue: {loadBalancer: {passHostHeader: false, sticky: {}, "),
            running(*EVERYTHING),
            ["passHostHeader: false", "sticky"],
            id="options of the service that would be lost",
        ),
        pytest.param(
            {"routes.yml": FILE + "  middlewares: {gzip: {compress: {}}}\n"},
            running(*EVERYTHING),
            ["routes.yml has http/middlewares/gzip", "move that to another file"],
            id="something else in the file",
        ),
        pytest.param(
            edited(
                "  services:\n",
                "    updater-page: {entryPoints: [web], rule: Host(`updates`), service: updater-page}\n"
                "  middlewares: {updater: {compress: {}}}\n  services:\n"
                '    updater-page: {loadBalancer: {servers: [{url: "http://old-updater:9090"}]}}\n',
            ),
            running(*EVERYTHING),
            ["http/routers/updater-page", "http/middlewares/updater", "http/services/updater-page"],
            id="names like the updater's own in a file of another program",
        ),
        pytest.param(
            edited("    api: {", "    updater-api: {middlewares: [auth@docker], "),
            running(*EVERYTHING),
            ["router updater-api in routes.yml has middlewares"],
            id="a router with the updater's own name in a file of another program",
        ),
        pytest.param(
            edited("api-blue: {loadBalancer: {", "api-blue: {loadBalancer: {serversTransport: updater, "),
            running(*EVERYTHING),
            ["router api in routes.yml has serversTransport"],
            id="a transport with the updater's own name in a file of another program",
        ),
        pytest.param(
            {
                "routes.yml": FILE,
                "db.yml": "tcp: {routers: {x: {rule: 'HostSNI(`*`)', service: x}}, services: {x: {loadBalancer: "
                "{servers: [{address: 'Skills-Green:8080'}, {address: 'db:5432'}]}}}}",
            },
            running(*EVERYTHING),
            ["db.yml sends tcp to Skills-Green:8080, but the updater moves only HTTP routes"],
            id="a TCP router",
        ),
        pytest.param(
            {
                "routes.yml": FILE,
                "preview.yml": "http: {routers: {x: {rule: Host(`p`), entryPoints: [web], service: any}}, "
                "services: {any: {highestRandomWeight: {services: [{name: api-green}]}}}}",
            },
            running(*EVERYTHING),
            ["router x in preview.yml leads to http://api-green:8090", "two colors"],
            id="a balancer of services",
        ),
        pytest.param(
            {
                "routes.yml": FILE,
                "more.yml": "# {{ if true }}\n" + FILE.replace("    skills:", "    more:") + "# {{ end }}",
            },
            running(*EVERYTHING),
            ["more.yml is a template that names services of the stack"],
            id="a template in comments",
        ),
        pytest.param(
            {"routes.yml": FILE, "z.yml": GREEN_SERVICES},
            running(*EVERYTHING),
            ["several files define the service api-blue in different ways", "the service skills-blue"],
            id="a service that two files define",
        ),
        pytest.param(
            {"routes.yml": FILE, "broken.yml": "http: {"},
            running(*EVERYTHING),
            ["broken.yml cannot be read"],
            id="a broken file",
        ),
        pytest.param(
            {"routes.yml": FILE, "more.yml": "http:\n{{ range x }}\n  - api-blue\n{{ end }}"},
            running(*EVERYTHING),
            ["more.yml is a template that names services of the stack"],
            id="a template that names a service",
        ),
        pytest.param(
            edited("http://api-blue:8090", "http://10.0.0.7:8090"),
            [
                *running("skills-blue"),
                Instance("2", "api-blue", "running", names=("shop-api-blue-1",), address="10.0.0.7"),
            ],
            ["http://10.0.0.7:8090 leads to a container that no network knows as api-blue", "give it that alias"],
            id="a container without the service's name in its networks",
        ),
        pytest.param(
            {"routes.yml": FILE},
            [*running(*EVERYTHING), *running("bot")],
            ["2 containers of bot run at once"],
            id="two bots",
        ),
        pytest.param(
            {"routes.yml": FILE},
            [*running("skills-blue", labels={"traefik.http.routers.web.rule": "x"}), *running("api-blue")],
            ["skills-blue has Traefik labels for the router web"],
            id="labels",
        ),
    ],
)
def test_adoption_refusal_names_the_reason(
    files: dict[str, str], instances: list[Instance], reasons: list[str]
) -> None:
    detail = refusal(files, instances)
    assert [part for part in reasons if part not in detail] == []


def test_refusal_lists_every_reason() -> None:
    detail = refusal({"routes.yml": FILE, "broken.yml": "["}, running("skills-blue"))
    assert "broken.yml" in detail
    assert "api-blue does not run" in detail


def test_weighted_services_are_followed() -> None:
    weighted = edited(
        "api-blue: {loadBalancer",
        "api-split: {weighted: {services: [{name: api-blue, weight: 1}, {name: api-green, weight: 0}]}}\n"
        "    api-blue: {loadBalancer",
    )
    text = weighted["routes.yml"].replace("service: api-blue}", "service: api-split}")
    assert "router api in routes.yml has weighted" in refusal({"routes.yml": text}, running(*EVERYTHING))
    assert "two colors" in refusal({"routes.yml": text.replace("weight: 0", "weight: 1")}, running(*EVERYTHING))


def test_cyclic_services_do_not_loop() -> None:
    text = "http: {routers: {a: {rule: x, service: a}}, services: {a: {failover: {service: a, fallback: a}}}}"
    assert serves({"loop.yml": text, "routes.yml": FILE}, running(*EVERYTHING)) is not None


def test_file_with_a_stack_route_shadows_it() -> None:
    routing = read_routing({"routes.yml": FILE, "api.yml": FILE}, hosts_of(STACK, {}))
    assert shadows(STACK, routing, "routes.yml") == ["api.yml"]
    other = replace(routing, routers=tuple(replace(r, rule="Host(`preview`)") for r in routing.routers))
    assert shadows(STACK, other, "routes.yml") == []


def test_neighbor_with_the_hostname_of_the_colors_is_named() -> None:
    """The router of another stack leads to its container `app`; both colors have `hostname: app`."""
    router = '{entryPoints: [web], rule: "Host(`mail.example.org`)", service: mail}'
    mail = f'http: {{routers: {{mail: {router}}}, services: {{mail: {{loadBalancer: {{servers: [{{url: "http://app"}}]}}}}}}}}'
    api = [Instance(c, f"api-{c}", "running", names=(f"api-{c}", "app"), host=f"shop-api-{c}-1") for c in Color]
    detail = refusal({"routes.yml": FILE, "mail.yml": mail}, [*running("skills-blue"), *api])
    assert "If it should lead to another container, the stack's may not have the name app, as an alias or" in detail


ALIASED = FILE.replace("//api-blue:", "//api:")
"""The old router uses an alias that the containers of both colors have."""


def test_alias_of_both_colors_is_replaced_by_the_containers_name() -> None:
    """The engine would resolve it to the next color too, as soon as that starts."""
    copies = [*running("skills-blue", host="shop-skills-blue-1")]
    for color, state in (("blue", "running"), ("green", "exited")):
        name = f"api-{color}"
        copies.append(Instance(color, name, state, names=(name, "api", f"shop-{name}-1"), host=f"shop-{name}-1"))
    found = serves({"routes.yml": ALIASED}, copies)
    assert found is not None
    assert found.hosts == {"skills": ("shop-skills-blue-1",), "api": ("shop-api-blue-1",)}


@pytest.mark.parametrize("state", ["exited", "running", None], ids=["stopped", "runs", "no-container-yet"])
def test_name_that_the_other_color_has_as_hostname_is_not_kept(state: str | None) -> None:
    """Both colors have `hostname: api-blue`: while green starts, the engine resolves that to it, too."""
    blue = Instance("b", "api-blue", "running", names=("api-blue", "shop-api-blue-1"), host="shop-api-blue-1")
    names = ("api-green", "api-blue", "shop-api-green-1")
    green = [Instance("g", "api-green", state, names=names, host="shop-api-green-1")] if state else []
    copies = [*running("skills-blue", host="shop-skills-blue-1"), blue, *green]
    if state == "running":
        detail = refusal({"routes.yml": FILE}, copies)
        assert "two colors have traffic" in detail
        assert "http://api-blue:8090 is a name of both colors, by an alias or `hostname`: give each its own" in detail
    else:
        found = serves({"routes.yml": FILE}, copies)
        assert found is not None
        assert found.hosts["api"] == ("shop-api-blue-1",)
