from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config.stack_file import load_stack, parse_stack
from app.domain.errors import StackInvalid
from app.domain.required_checks import RequiredChecks
from app.domain.routing.routes import ClientRoute, HealthRequest
from app.domain.stack import (
    BeforeFlip,
    Channel,
    Color,
    FileRules,
    Forbid,
    Policy,
    ReleaseValue,
    RoutedService,
    Singleton,
    Stack,
    Times,
    Window,
)
from app.domain.tags import TagOrder, TagRule

COMMITTED = Path(__file__).parents[4] / "config" / "stack.yml"


def content(**change: Any) -> dict[str, Any]:
    """The smallest valid stack file, updated with `change`."""
    return {
        "project": "shop",
        "repository": "octo/shop",
        "directory": "/srv/shop",
        "traefik": {"entrypoints": {"web": "http://traefik:80"}},
        "routed": {"api": routed()},
        **change,
    }


def routed(**change: Any) -> dict[str, Any]:
    service = {"blue": "api-blue", "green": "api-green", "port": 8090, "health": "/health", "entrypoint": "web"}
    return {**service, **change}


def window(**change: Any) -> dict[str, Any]:
    return {"policy": {"windows": [{"opens": "0 22 * * *", "for": "4h", **change}]}}


def problems(**change: Any) -> list[str]:
    with pytest.raises(StackInvalid) as refused:
        parse_stack(content(**change))
    return [line.strip() for line in refused.value.detail.splitlines()[1:]]


def test_the_smallest_file_gets_the_defaults() -> None:
    stack = parse_stack(content())
    colors = {Color.BLUE: "api-blue", Color.GREEN: "api-green"}
    assert stack.routed == (RoutedService("api", colors, 8090, HealthRequest("/health"), (ClientRoute("web"),)),)
    assert (stack.singletons, stack.times, stack.channel) == ((), Times(), Channel.STABLE)
    assert (stack.compose_files, stack.source) == (("docker-compose.yml",), "https://github.com/octo/shop.git")


def test_compose_services_may_have_capitals_dots_and_underscores() -> None:
    """Names of the stack file may not: they are in the names of routers and images."""
    services = {"API": routed()}
    assert any(line.startswith("routed/API") for line in problems(routed=services))
    stack = parse_stack(
        content(
            routed={"api": routed(blue="_API.v1-Blue", green="_API.v1-Green")},
            singletons={"bot": {"service": "My.Bot"}},
            retired=["Old.Updater"],
            updater={"web": "Updater.Web", "worker": "Updater.Worker"},
        )
    )
    assert stack.services(Color.BLUE) == ("_API.v1-Blue", "My.Bot")
    for name in ("", "-rf", ".x", "a b", "a/b", "x" * 129):
        assert any(line.startswith("routed/api/blue") for line in problems(routed={"api": routed(blue=name)}))


@pytest.mark.parametrize(
    "source",
    ["git@github.com:octo/shop.git", "ssh://git@git.example.org:2222/octo/shop.git", "https://codeberg.org/o/s.git"],
)
def test_source_may_be_reached_by_ssh(source: str) -> None:
    assert parse_stack(content(source=source)).source == source


def test_negative_priority_is_read() -> None:
    stack = parse_stack(content(routed={"api": routed(priority=-5)}))
    assert stack.routed[0].routes[0].priority == -5


def test_every_key_is_read() -> None:
    stack = parse_stack(
        content(
            source="file:///srv/shop.git",
            compose_file="deploy/compose.yml",
            channel="prerelease",
            singletons={"bot": {"service": "discord-bot"}},
            times={"bake": 5, "drain": 0},
            checks={"passes": 1},
            needs={"disk_gb": 0},
            keep={"build_cache_gb": 1.5},
            policy={
                "require_signed_tag": "/etc/updater/allowed_signers",
                "allowed_authors": ["OctoCat", "github-actions[bot]"],
                "require_immutable": True,
                "windows": [{"opens": "0 22 * * 1-5", "for": "4h", "time_zone": "Europe/Berlin"}],
            },
        )
    )
    assert (stack.source, stack.compose_files) == ("file:///srv/shop.git", ("deploy/compose.yml",))
    assert (stack.channel, stack.singletons) == (Channel.PRERELEASE, (Singleton("bot", "discord-bot"),))
    authors = frozenset({"octocat", "github-actions[bot]"})
    windows = (Window("0 22 * * 1-5", 4 * 3600, "Europe/Berlin"),)
    assert stack.policy == Policy("/etc/updater/allowed_signers", authors, require_immutable=True, windows=windows)
    assert (stack.times.bake, stack.times.drain, stack.times.build) == (5, 0, Times.build)
    assert (stack.checks.passes, stack.needs.disk_gb, stack.keep.build_cache_gb) == (1, 0, 1.5)


def test_submodules_and_lfs_are_fetched_only_if_asked_for() -> None:
    assert parse_stack(content()).files == FileRules()
    assert parse_stack(content(files={"lfs": True})).files == FileRules(lfs=True)
    assert parse_stack(content(files={"submodules": True})).files == FileRules(submodules=True)
    assert FileRules() == FileRules(submodules=False, lfs=False)


def test_release_files_are_read() -> None:
    stack = parse_stack(
        content(
            compose_files=["compose.yaml", "deploy/compose.production.yaml"],
            env_files=[".env", ".env.production"],
            profiles=["production"],
            variables={"TAG": "tag", "GIT_SHA": "sha"},
            allow_unset=["SENTRY_DSN"],
            files={"release": ["config/nginx"], "live": ["uploads"], "unfetched": ["docs"]},
        )
    )
    assert stack.compose_files == ("compose.yaml", "deploy/compose.production.yaml")
    assert (stack.env_files, stack.profiles) == ((".env", ".env.production"), ("production",))
    assert stack.variables == {"TAG": ReleaseValue.TAG, "GIT_SHA": ReleaseValue.SHA}
    assert stack.allow_unset == {"SENTRY_DSN"}
    assert stack.files == FileRules(("config/nginx",), ("uploads",), ("docs",))


def test_build_cache_limit_can_be_turned_off() -> None:
    assert parse_stack(content(keep={"build_cache_gb": None})).keep.build_cache_gb is None
    assert parse_stack(content(keep={"build_cache_gb": 0})).keep.build_cache_gb == 0
    for wrong in (False, True, "off", -1):
        assert [line.partition(": ")[0] for line in problems(keep={"build_cache_gb": wrong})] == ["keep/build_cache_gb"]


@pytest.mark.parametrize(
    ("tags", "rule"),
    [
        ("web-v*", TagRule("web-v*")),
        ({"pattern": "*"}, TagRule("*")),
        ({"pattern": "web-v*", "order": "version"}, TagRule("web-v*")),
        ({"pattern": "*", "order": "numbers"}, TagRule("*", TagOrder.NUMBERS)),
        ({"pattern": "*", "order": "published"}, TagRule("*", TagOrder.PUBLISHED)),
    ],
)
def test_tags_have_a_pattern_and_an_order(tags: Any, rule: TagRule) -> None:
    assert parse_stack(content(tags=tags)).tags == rule
    assert parse_stack(content(tags=yaml.safe_load(rule.written))).tags == rule
    assert parse_stack(content()).tags == TagRule()


def test_environment_overrides_the_repository() -> None:
    stack = parse_stack(content(), repository="octo/fork")
    assert (stack.repository, stack.source) == ("octo/fork", "https://github.com/octo/fork.git")


@pytest.mark.parametrize("name", ["octo-org/shop", "alice_corp/shop", "my.org/shop"])
def test_owners_may_have_what_their_server_allows(name: str) -> None:
    assert parse_stack(content(repository=name)).repository == name


def made(**change: Any) -> dict[str, Any]:
    return {
        "service": "web",
        **{key: value for key, value in routed().items() if key not in {"blue", "green"}},
        **change,
    }


def test_colors_are_made_from_one_service() -> None:
    (web,) = parse_stack(content(routed={"web": made()})).routed
    assert (web.made_from, web.colors) == ("web", {Color.BLUE: "web-blue", Color.GREEN: "web-green"})
    assert parse_stack(content()).routed[0].made_from is None


def test_one_service_and_two_contradict() -> None:
    assert problems(routed={"web": made(blue="web-blue", green="web-green")}) == [
        f"routed/web/{color}: would be ignored, because both colors are made from the service web. Remove blue and "
        "green; or remove `service`, if the Compose files have a service for each color"
        for color in Color
    ]


def test_colors_of_no_service_are_missing() -> None:
    neither = {key: value for key, value in made().items() if key != "service"}
    assert problems(routed={"web": neither}) == [
        "routed/web/blue: is missing. If the Compose files have one service for both colors, write `service: <its "
        "name>` in place of both",
        "routed/web/green: is missing",
    ]


def test_a_service_that_colors_are_made_from_has_no_other_use() -> None:
    found = problems(
        routed={"web": made(), "shop": made(rule="Host(`shop.example`)")},
        singletons={"bot": {"service": "web"}, "cron": {"service": "web-green"}},
        retired=["web", "web-blue"],
        before_flip=[{"service": "web", "command": ["migrate"]}],
    )
    assert found == [
        "routed/shop/service: web is already the service of routed/web/service",
        "routed/shop/service: web-blue is already the service of routed/web/service",
        "routed/shop/service: web-green is already the service of routed/web/service",
        "singletons/bot/service: web is already the service of routed/web/service",
        "singletons/cron/service: web-green is already the service of routed/web/service",
        "retired/0: web is also used by routed/web/service, routed/shop/service, singletons/bot/service, "
        "before_flip/0/service. A retired service never runs: list it in one place only",
        "retired/1: web-blue is also used by routed/web/service, routed/shop/service, before_flip/0/service. A retired "
        "service never runs: list it in one place only",
    ]


def test_problems_are_reported_with_their_paths() -> None:
    found = problems(
        repositry="octo/shop",
        directory="srv/shop",
        channel="nightly",
        routed={"api": routed(port=0, colour="red"), "web": {"blue": "web-blue"}},
        times={"bake": -1, "bakes": 3},
    )
    assert {line.partition(": ")[0] for line in found} == {
        "repositry",
        "directory",
        "channel",
        "routed/api/port",
        "routed/api/colour",
        "routed/web/green",
        "routed/web/port",
        "routed/web/health",
        "routed/web/entrypoint",
        "times/bake",
        "times/bakes",
    }
    assert "repositry: is not a known key" in found
    assert "routed/web/green: is missing" in found


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("project", {"project": "Shop"}),
        ("repository", {"repository": "shop"}),
        ("repository", {"repository": "octo/shop/../x"}),
        ("source", {"source": "ext::sh -c id"}),
        ("source", {"source": "--upload-pack=x"}),
        ("source", {"source": "-oProxyCommand=id@host:x"}),
        ("source", {"source": "git@-oProxyCommand=id:x"}),
        ("source", {"source": "git@host:/absolute"}),
        ("source", {"source": "host:octo/shop.git"}),
        ("compose_file", {"compose_file": "/etc/passwd"}),
        ("compose_file", {"compose_file": "../docker-compose.yml"}),
        ("compose_file", {"compose_file": "a/../../b.yml"}),
        ("compose_file", {"compose_file": "a.yml", "compose_files": ["a.yml"]}),
        ("compose_files/1", {"compose_files": ["a.yml", "/b.yml"]}),
        ("env_files/0", {"env_files": ["../.env"]}),
        ("profiles/0", {"profiles": [""]}),
        ("variables/TAG", {"variables": {"TAG": "branch"}}),
        ("variables/A-B", {"variables": {"A-B": "tag"}}),
        ("variables/UPDATER_TAG", {"variables": {"UPDATER_TAG": "version"}}),
        ("variables/PWD", {"variables": {"PWD": "tag"}}),
        ("allow_unset/0", {"allow_unset": ["A B"]}),
        ("files/release/0", {"files": {"release": ["/etc"]}}),
        ("files", {"files": {"release": ["a"], "live": ["a"]}}),
        ("files/other", {"files": {"other": ["a"]}}),
        ("routed", {"routed": {}}),
        ("routed/api/health", {"routed": {"api": routed(health="health")}}),
        ("routed/api/health", {"routed": {"api": routed(health="/a b")}}),
        ("routed/api/port", {"routed": {"api": routed(port=65_536)}}),
        ("routed/API", {"routed": {"API": routed()}}),
        ("traefik/entrypoints", {"traefik": {"entrypoints": {}}}),
        ("traefik/entrypoints/web", {"traefik": {"entrypoints": {"web": "traefik:80"}}}),
        ("traefik/rollout_header", {"traefik": {"entrypoints": {"web": "http://t"}, "rollout_header": "X-A: b"}}),
        ("times/health", {"times": {"health": float("inf")}}),
        ("times/health", {"times": {"health": 0}}),
        ("needs/disk_gb", {"needs": {"disk_gb": "much"}}),
        ("policy/require_signed_tag", {"policy": {"require_signed_tag": "allowed_signers"}}),
        ("policy/require_signed_tag", {"policy": {"require_signed_tag": "/etc/../srv/allowed_signers"}}),
        ("policy/require_signed_tag", {"policy": {"require_signed_tag": "/srv/shop/allowed_signers"}}),
        ("policy/allowed_authors", {"policy": {"allowed_authors": []}}),
        ("policy/allowed_authors", {"policy": {"allowed_authors": "octocat"}}),
        ("policy/allowed_authors/1", {"policy": {"allowed_authors": ["octocat", "me@example.org"]}}),
        ("policy/require_immutable", {"policy": {"require_immutable": "perhaps"}}),
        ("policy/signed", {"policy": {"signed": True}}),
        ("policy/forbid", {"policy": {"forbid": "privileged"}}),
        ("policy/forbid/1", {"policy": {"forbid": ["privileged", "root"]}}),
        ("policy/forbid/1", {"policy": {"forbid": ["privileged", "Privileged"]}}),
        ("policy/forbid/1", {"policy": {"forbid": ["privileged", 1]}}),
        ("policy/forbid/1", {"policy": {"forbid": ["privileged", []]}}),
        ("policy/require_checks", {"policy": {"require_checks": "build"}}),
        ("policy/require_checks", {"policy": {"require_checks": []}}),
        ("policy/require_checks", {"policy": {"require_checks": [""]}}),
        ("policy/require_checks", {"policy": {"require_checks": ["build", 1]}}),
        ("policy/require_checks", {"policy": {"require_checks": 1}}),
        ("policy/require_checks", {"policy": {"require_checks": {"names": ["build"]}}}),
        ("policy/windows/0/opens", window(opens="22:00")),
        ("policy/windows/0/for", {"policy": {"windows": [{"opens": "0 22 * * *"}]}}),
        *(("policy/windows/0/for", window(**{"for": length})) for length in ("4 hours", "30s", "8d", 4)),
        ("policy/windows/0/length", window(length="4h")),
        *(
            ("policy/windows/0/time_zone", window(time_zone=zone))
            for zone in ("Berlin", "", "../etc/passwd", "/etc/localtime", "Europe", 1)
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(path: str, change: dict[str, Any]) -> None:
    assert [line.partition(": ")[0] for line in problems(**change)] == [path]


def test_unknown_entrypoint_is_refused() -> None:
    assert problems(routed={"api": routed(entrypoint="websecure")}) == [
        "routed/api/entrypoint: websecure is not in traefik/entrypoints (web)"
    ]


def test_updater_services_are_named_and_not_moved() -> None:
    stack = parse_stack({**content(), "updater": {"web": "updater", "worker": "updater-worker"}})
    assert stack.updater is not None
    assert stack.updater.services == ("updater", "updater-worker")
    assert not set(stack.updater.services) & set(stack.moved_services())
    assert problems(updater={"web": "updater", "worker": "bot"}, singletons={"bot": {"service": "bot"}}) == [
        "updater/worker: bot is already the service of singletons/bot/service"
    ]


def test_duplicate_service_is_refused() -> None:
    services = {"api": routed(), "web": routed(blue="web-blue", green="api-blue", rule="Host(`web.example`)")}
    assert problems(routed=services, singletons={"bot": {"service": "web-blue"}}) == [
        "routed/web/green: api-blue is already the service of routed/api/blue",
        "singletons/bot/service: web-blue is already the service of routed/web/blue",
    ]


@pytest.mark.parametrize(
    ("rule", "other"),
    [
        ("Host(`a`)", " Host( `A.` ) "),
        ("Host(`a`) && Path(`/b`)", "(Path(`/b`)) && Host(`a`)"),
        ("Path(`/a`) || Path(`/b`) || Path(`/c`)", "Path(`/c`) || (Path(`/b`) || Path(`/a`))"),
        ("PathPrefix(`/`)", "PathPrefix(`/`)"),
        ("Host(`a`) && Method(`GET`)", "Host(`a`) && Method(`get`) && Host(`a`)"),
        ("!(Path(`/b`) || Path(`/c`)) && Host(`a`)", "Host(`a`) && !Path(`/b`) && !Path(`/c`)"),
    ],
)
def test_equal_routes_are_refused(rule: str, other: str) -> None:
    services = {"api": routed(rule=rule), "web": routed(blue="web-blue", green="web-green", rule=other)}
    assert problems(routed=services) == [
        "routed/web/rule: routed/api has the same rule at web, so Traefik would use either of the two, unpredictably. "
        "Give each route its own rule, such as another host or path"
    ]
    routes = [{"entrypoint": "web", "rule": rule}, {"entrypoint": "web", "rule": other, "priority": 2}]
    one = routed(routes=routes)
    del one["entrypoint"]
    assert problems(routed={"api": one}) == [
        "routed/api/routes/1/rule: routed/api/routes/0 has the same rule at web, so Traefik would use only the one "
        "with the higher priority. Give each route its own rule, such as another host or path"
    ]


@pytest.mark.parametrize(
    ("rule", "other"),
    [
        ("Host(`a`)", "Host(`b`)"),
        ("Host(`a`)", "Host(`a`) && Path(`/b`)"),
        ("Path(`/a`)", "Path(`/A`)"),
        ("PathPrefix(`/`)", "Host(`a.example`)"),
    ],
)
def test_different_routes_are_read(rule: str, other: str) -> None:
    services = {"api": routed(rule=rule), "web": routed(blue="web-blue", green="web-green", rule=other)}
    assert len(parse_stack(content(routed=services)).routed) == 2


@pytest.mark.parametrize(
    ("rule", "other"),
    [("Path(`/a`)", "PathPrefix(`/a`)"), ("Host(`a`)", "PathPrefix(`/`)"), ("Path(`/a`)", "!Path(`/b`)")],
)
def test_route_that_traefik_would_never_use_is_refused(rule: str, other: str) -> None:
    """The longer rule comes first, also where it is the wider one."""
    services = {"api": routed(rule=rule), "web": routed(blue="web-blue", green="web-green", rule=other)}
    assert problems(routed=services) == [
        "routed/api/rule: every request that the updater can make for it goes to a route of routed/web "
        f"({other}): give this route a higher priority, or the other one a rule that leaves it some requests"
    ]
    services["api"]["priority"] = 100
    assert len(parse_stack(content(routed=services)).routed) == 2


def test_entrypoints_are_named_as_in_traefik() -> None:
    points = {"entrypoints": {"webSecure": "http://traefik:80", "web.internal_1": "http://traefik:81"}}
    services = {"api": routed(entrypoint="webSecure", middlewares=["auth@plugin-ldap"])}
    (service,) = parse_stack(content(traefik=points, routed=services)).routed
    assert (service.routes[0].entrypoint, service.routes[0].middlewares) == ("webSecure", ("auth@plugin-ldap",))


def test_names_with_underscores_and_one_status_are_read() -> None:
    health = {"path": "/", "host": "my_app.local", "status": 204}
    services = {"api": routed(middlewares=["_auth@file"], health=health)}
    (service,) = parse_stack(content(routed=services)).routed
    assert service.routes[0].middlewares == ("_auth@file",)
    assert (service.health.host, service.health.statuses) == ("my_app.local", frozenset({204}))


def test_equal_rules_at_two_entrypoints_are_read() -> None:
    points = {"entrypoints": {"web": "http://traefik:80", "api": "http://traefik:81"}}
    services = {"api": routed(), "web": routed(blue="web-blue", green="web-green", entrypoint="api")}
    assert len(parse_stack(content(traefik=points, routed=services)).routed) == 2


@pytest.mark.parametrize("name", ["Host", "host", "HOST"])
def test_host_header_is_refused(name: str) -> None:
    health = {"path": "/", "headers": {name: "shop.example.org", "X-Host": "a"}}
    (problem,) = problems(routed={"api": routed(health=health)})
    assert problem.startswith(f"routed/api/health/headers/{name}: set health/host instead")


@pytest.mark.parametrize(
    "url",
    [
        "traefik:80",
        "ftp://t",
        "http://",
        "http://t:abc",
        "http://t:0",
        "http://t:65536",
        "http://t/x",
        "http://t?x",
        "http://[::1",
    ],
)
def test_wrong_entrypoint_url_names_its_path(url: str) -> None:
    says = "should be a URL without a path, such as http://traefik:80 or https://traefik:443"
    assert problems(traefik={"entrypoints": {"web": url}}) == [f"traefik/entrypoints/web: {says}"]
    assert problems(traefik={"entrypoints": {"web": {"url": url}}}) == [f"traefik/entrypoints/web/url: {says}"]


def test_right_urls_are_read() -> None:
    for url in ("http://t", "https://traefik.example.org:8443/", "http://10.0.0.1:80", "http://[::1]:80"):
        assert parse_stack(content(traefik={"entrypoints": {"web": url}})).traefik.entrypoints["web"].url == url
    (problem,) = problems(traefik={"entrypoints": {"web": "http://t"}, "metrics": "http://t:8082"})
    assert problem.startswith("traefik/metrics: should be a URL with a path, such as http://traefik:8082/metrics")


@pytest.mark.parametrize(
    ("path", "wrong", "says"),
    [
        ("traefik", 5, "should be a mapping"),
        ("traefik/entrypoints/web", 5, "should be a mapping"),
        ("routed/api", ["x"], "should be a mapping"),
        ("routed/api/health", 5, "should be a mapping"),
        ("routed/api/routes", "x", "should be a list"),
        ("routed/api/routes/0", 5, "should be a mapping"),
        ("routed/api/tls", [5], "should be true, false or a mapping of options for Traefik's router"),
        ("routed/api/port", "x", "should be a whole number"),
        ("routed/api/network", 5, "should be text"),
        ("singletons/x", "x", "should be a mapping"),
        ("times", None, "should be a mapping"),
        ("checks/errors", "x", "should be a number"),
        ("policy/windows", 5, "should be a list"),
        ("policy/require_immutable", "x", "should be true or false"),
        ("channel", 5, "should be 'stable' or 'prerelease'"),
        ("tags", 5, 'should be a pattern such as "v*", or {pattern: "v*", order: version}'),
        ("tags/order", "semver", "should be 'version', 'numbers' or 'published'"),
        ("tags/pattern", 5, "should be text"),
        ("tags/prefix", "web-", "is not a known key"),
    ],
)
def test_wrong_type_is_reported_plainly(path: str, wrong: Any, says: str) -> None:
    change = content(singletons={}, times={}, checks={}, policy={}, tags={"pattern": "*"})
    *parents, last = path.removesuffix("/0").split("/")
    part = change
    for key in parents:
        part = part[key]
    part[last] = [wrong] if path.endswith("/0") else wrong
    assert problems(**change) == [f"{path}: {says}"]


def test_a_retired_service_is_read() -> None:
    assert parse_stack(content(retired=["old-updater", "old"])).retired == ("old-updater", "old")
    assert parse_stack(content()).retired == ()


def test_retired_service_in_use_is_refused() -> None:
    change: dict[str, Any] = {
        "singletons": {"bot": {"service": "the-bot"}},
        "updater": {"web": "web", "worker": "worker"},
        "before_flip": [{"service": "bot", "command": ["x"]}],
        "retired": ["old", "api-green", "the-bot", "web", "worker", "old", "bot"],
    }
    reason = "A retired service never runs: list it in one place only"
    assert problems(**change) == [
        f"retired/1: api-green is also used by routed/api/green. {reason}",
        f"retired/2: the-bot is also used by singletons/bot/service, before_flip/0/service. {reason}",
        f"retired/3: web is also used by updater/web. {reason}",
        f"retired/4: worker is also used by updater/worker. {reason}",
        "retired/5: old is listed twice",
    ]


@pytest.mark.parametrize("retired", ["old", [""], ["../x"], [1], {"old": 1}, None])
def test_invalid_retired_list_is_refused(retired: Any) -> None:
    assert all(problem.startswith("retired") for problem in problems(retired=retired))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a list\n",
        "project: [\n",
        "project: !!python/object/apply:os.system ['true']\n",
        "project: 2026-99-99\n",
    ],
)
def test_invalid_yaml_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "stack.yml"
    file.write_text(text)
    with pytest.raises(StackInvalid, match=r"stack\.yml"):
        load_stack(file)


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackInvalid, match="cannot be read"):
        load_stack(tmp_path / "stack.yml")
    (tmp_path / "stack.yml").write_bytes(b"project: \xff\n")
    with pytest.raises(StackInvalid, match="cannot be read"):
        load_stack(tmp_path / "stack.yml")


def test_stack_file_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "stack.yml"
    file.write_text(yaml.safe_dump(content()))
    assert load_stack(file) == parse_stack(content())


def test_the_committed_stack_file_is_valid() -> None:
    stack = load_stack(COMMITTED)
    assert [service.name for service in stack.routed] == ["skills", "api"]
    assert [singleton.name for singleton in stack.singletons] == ["bot"]


def test_committed_policy_example_is_valid() -> None:
    _, _, shown = COMMITTED.read_text().partition("# policy:\n")
    part = "".join(line.removeprefix("# ") + "\n" for line in shown.partition("\n\n")[0].splitlines())
    policy = parse_stack(content(policy=yaml.safe_load(part))).policy
    assert (policy.allowed_signers, policy.allowed_authors, policy.require_immutable, len(policy.windows)) == (
        "/etc/zetherion-updater/allowed_signers",
        frozenset({"octocat"}),
        True,
        1,
    )
    assert policy.forbid == frozenset(Forbid)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (True, RequiredChecks()),
        (False, None),
        (["build", "ci / lint (3.12)", "build"], RequiredChecks(("build", "ci / lint (3.12)"))),
    ],
)
def test_required_checks_are_all_or_named(written: object, read: RequiredChecks | None) -> None:
    assert parse_stack(content(policy={"require_checks": written})).policy.require_checks == read
    assert parse_stack(content()).policy.require_checks is None


def test_unknown_option_to_forbid_names_the_known_ones() -> None:
    assert problems(policy={"forbid": ["privilege"]}) == [
        "policy/forbid/0: should be one of privileged, host_namespaces, docker_socket, host_mounts, cap_add, devices"
    ]
    assert parse_stack(content()).policy.forbid == frozenset()
    assert parse_stack(content(policy={"forbid": ["cap_add", "cap_add"]})).policy.forbid == {Forbid.CAP_ADD}


def test_before_flip_commands_keep_their_order() -> None:
    wanted = [{"service": "api", "command": ["migrate", "up"]}, {"service": "bot", "command": ["r"], "limit": 9}]
    stack = parse_stack(content(singletons={"bot": {"service": "bot"}}, before_flip=wanted))
    assert stack.before_flip == (BeforeFlip("api", ("migrate", "up"), 600), BeforeFlip("bot", ("r",), 9))
    assert [step.name for step in stack.before_flip_steps()] == ["before_flip_1_api", "before_flip_2_bot"]


def test_invalid_command_names_its_path() -> None:
    wrong = [{"service": "api", "command": "migrate"}, {"service": "api", "command": []}, {"command": ["m"]}]
    found = problems(before_flip=[*wrong, {"service": "api", "command": ["m"], "limit": 0}])
    paths = [f"before_flip/{path}" for path in ("0/command", "1/command", "2/service", "3/limit")]
    assert [line.partition(": ")[0] for line in found] == paths


def test_command_of_a_color_or_of_the_updater_is_refused() -> None:
    change: dict[str, Any] = {"updater": {"web": "w", "worker": "u"}, "before_flip": [{"service": "api-green"}]}
    assert problems(**change) == ["before_flip/0/service: api-green is one color of api: write api"]
    assert problems(**change | {"before_flip": [{"service": "db"}, {"service": "u"}]}) == [
        "before_flip/1/service: u is the updater's own service: it cannot run before the flip"
    ]


def test_command_of_a_service_that_colors_are_made_from_names_the_routed_one() -> None:
    change = {"routed": {"shop": made()}, "before_flip": [{"service": "web"}]}
    assert problems(**change) == ["before_flip/0/service: both colors of shop are made from it: write shop"]


def test_other_service_is_a_job() -> None:
    """It is built with the release, and runs only before the flip: once in the list, however often it is named."""
    commands = [
        {"service": "migrate"},
        {"service": "api"},
        {"service": "queue"},
        {"service": "migrate", "command": ["x"]},
    ]
    stack = parse_stack(content(followers={"queue": {"service": "worker"}}, before_flip=commands))
    assert stack.before_flip[0] == BeforeFlip("migrate", ())
    assert stack.jobs == ("migrate",)
    assert stack.services(Color.GREEN) == ("api-green", "worker")
    assert stack.built(Color.GREEN) == ("api-green", "worker", "migrate")
    assert stack.moved_services() == {
        "api-blue": Color.BLUE,
        "api-green": Color.GREEN,
        "worker": None,
        "migrate": None,
    }
    assert [stack.service_of(c.service, Color.BLUE) for c in stack.before_flip[:3]] == ["migrate", "api-blue", "worker"]


def test_follower_has_a_service_of_its_own() -> None:
    followers = {"queue": {"service": "worker"}, "api": {"service": "bot"}}
    found = problems(singletons={"bot": {"service": "bot"}}, followers=followers, retired=["worker"])
    assert found == [
        "followers/api/service: bot is already the service of singletons/bot/service",
        "followers/api: api is also in routed or singletons: give one of them another name",
        "retired/0: worker is also used by followers/queue/service. A retired service never runs: list it in one place "
        "only",
    ]


def test_recorded_stack_file_is_still_valid() -> None:
    """It has every key of the version of 2026-11-26."""
    recorded = Path(__file__).parents[3] / "samples" / "stack" / "2026-11-26.yml"
    stack = load_stack(recorded)
    assert (stack.project, stack.retired, stack.before_flip[0].limit) == ("zetherion-ai", ("old-updater",), 600)
    assert stack.policy.windows == (Window("0 22 * * 1-5", 4 * 3600, "Europe/Berlin"),)
    newer = {"compose_files", "env_files", "profiles", "variables", "allow_unset", "files", "followers", "resume"}
    newer |= {"repository_id", "public_url", "engine", "registry"}
    known = {field.name for field in fields(Stack)} - newer | {"compose_file"}
    assert set(yaml.safe_load(recorded.read_text())) == known


@pytest.mark.parametrize(
    "point", [["https://a:443", "https://b:443"], {"url": ["https://a:443", "https://b:443"], "verify": False}]
)
def test_entrypoint_may_be_that_of_several_traefiks(point: object) -> None:
    stack = parse_stack(content(traefik={"entrypoints": {"web": point}}, routed={"api": routed(tls=True)}))
    assert stack.traefik.entrypoints["web"].urls == ("https://a:443", "https://b:443")


@pytest.mark.parametrize(
    ("urls", "words"),
    [
        (["http://a", "https://b"], "should be all https:// or all http://"),
        (["http://a", "http://A/"], "names a Traefik twice"),
        ([], "traefik/entrypoints/web"),
        (["http://a", 7], "traefik/entrypoints/web"),
        (["http://a", "b"], "traefik/entrypoints/web"),
    ],
)
def test_other_urls_of_several_traefiks_are_refused(urls: list[object], words: str) -> None:
    found = problems(traefik={"entrypoints": {"web": urls}})
    assert len(found) == 1
    assert found[0].startswith("traefik/entrypoints/web")
    assert words in found[0]
