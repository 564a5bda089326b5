from typing import Any

from app.config.stack_file import parse_stack
from deploy.demo.own_stack.replacements import Here, Replaced, replaced
from tests.unit.demo.own_stack.stacks import content

HERE = Here(
    "zu-demo-1", "/place/repository", "/place/live", {"web": "http://127.0.0.1:1"}, "http://127.0.0.1:2/metrics"
)


def play(given: dict[str, Any], here: Here = HERE) -> Replaced:
    result = replaced(given, parse_stack(given), here)
    parse_stack(result.content)
    return result


def test_places_are_this_machine_s() -> None:
    result = play(content())
    assert result.content == {
        **content(),
        "project": "zu-demo-1",
        "source": "/place/repository",
        "directory": "/place/live",
        "traefik": {"entrypoints": {"web": "http://127.0.0.1:1"}},
        "times": {"image": 20.0, "retry": 20.0},
        "keep": {"build_cache_gb": None},
    }


def test_user_s_content_stays() -> None:
    given = content(policy={"windows": [{"opens": "0 3 * * *", "for": "1h"}]})
    play(given)
    assert given == content(policy={"windows": [{"opens": "0 3 * * *", "for": "1h"}]})


def test_every_replacement_is_said() -> None:
    given = content(
        policy={"allowed_authors": ["octo"], "require_immutable": True, "forbid": ["privileged"]},
        updater={"web": "updater-web", "worker": "updater-worker"},
        public_url="https://updater.example.org",
    )
    given["traefik"] |= {"metrics": "http://traefik:8082/metrics", "api": "http://traefik:8083"}
    result = play(given)
    assert [note.partition(":")[0] for note in result.notes] == [
        *("project", "source", "directory", "traefik/entrypoints", "traefik/metrics", "traefik/api"),
        *("public_url", "updater"),
        *("policy/allowed_authors", "policy/require_immutable", "times/image", "times/retry", "keep"),
    ]
    assert result.content["traefik"]["metrics"] == HERE.metrics
    assert "api" not in result.content["traefik"]
    assert not {"updater", "public_url"} & set(result.content)
    assert result.content["policy"] == {"forbid": ["privileged"]}


def test_certificate_is_not_verified_here() -> None:
    given = content(traefik={"entrypoints": {"web": {"url": "https://traefik:443", "verify": True}}})
    given["routed"]["web"]["tls"] = True
    secure = Here(HERE.project, HERE.source, HERE.directory, {"web": "https://127.0.0.1:1"}, HERE.metrics)
    result = play(given, secure)
    assert result.content["traefik"]["entrypoints"] == {"web": "https://127.0.0.1:1"}
    assert any("no certificate is verified" in note for note in result.notes)


def test_limits_that_are_short_enough_stay() -> None:
    result = play(content(times={"image": 5, "retry": 5, "bake": 7}, keep={"build_cache_gb": None}))
    assert result.content["times"] == {"image": 5, "retry": 5, "bake": 7}
    assert not [note for note in result.notes if note.startswith(("times", "keep"))]


def test_authentication_that_is_not_played_is_said() -> None:
    given = content()
    given["routed"]["web"]["middlewares"] = ["auth@file", "zip"]
    result = play(given)
    assert result.content["routed"] == given["routed"]
    said = [note for note in result.notes if note.startswith("middleware auth@file")]
    assert [note.endswith("such as asking for a password, is NOT played") for note in said] == [True]


def test_middleware_of_another_provider_gets_a_stand_in() -> None:
    given = content()
    route = {"entrypoint": "web", "middlewares": ["auth@docker", "zip@file"]}
    given["routed"]["web"] = {"service": "web", "port": 1, "health": "/", "routes": [route]}
    result = play(given)
    assert result.content["routed"]["web"]["routes"][0]["middlewares"] == ["auth-of-docker@file", "zip@file"]
