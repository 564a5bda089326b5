from dataclasses import replace
from typing import Any

import pytest

from app.domain.stack import Forbid, Policy, Updater
from tests.examples import a_stack
from workers.definition.refusals.forbidden import Use, forbidden, refusal, uses
from workers.definition.refusals.places import Places

TREE = "/data/git/trees/abc"
PLACES = Places("/srv/shop", TREE, "/data", engine_networks={"updater_engine"}, resolve=lambda path: path)
STACK = a_stack(
    routed=a_stack().routed[1:], updater=Updater("updater", "updater-worker"), policy=Policy(forbid=frozenset(Forbid))
)

Model = dict[str, Any]


def bind(source: str) -> Model:
    return {"type": "bind", "source": source, "target": "/in"}


def volume(source: str) -> Model:
    return {"type": "volume", "source": source, "target": "/in"}


def model(**more: Any) -> Model:
    """The output of `compose config`; `more` are keys of the bot."""
    plain = {"image": "shop", "networks": {"default": None}}
    return {
        "name": "shop",
        "services": {
            "api-blue": plain,
            "api-green": plain,
            "bot": {**plain, **more},
            "postgres": {
                "image": "postgres",
                "privileged": True,
                "pid": "host",
                "network_mode": "host",
                "volumes": [bind("/run/docker.sock")],
            },
            "proxy": {"image": "haproxy", "networks": {"engine": None}},
        },
        "networks": {
            "default": {"name": "shop_default"},
            "engine": {"name": "updater_engine", "external": True},
            "hosts": {"name": "host", "external": True},
        },
        "volumes": {
            "pg": {"name": "shop_pg"},
            "bound": {"driver_opts": {"type": "none", "o": "bind", "device": "/etc"}},
            "own": {"driver_opts": {"type": "none", "o": "bind,ro", "device": "/srv/shop/data"}},
            "disk": {"driver_opts": {"type": "ext4", "device": "/dev/sda1"}},
            "overlay": {"driver_opts": {"type": "overlay", "device": "overlay", "o": "lowerdir=/etc:/opt,ro"}},
            "remote": {"driver_opts": {"type": "nfs", "o": "addr=10.0.0.2,rw", "device": ":/export"}},
            "feigned": {"driver_opts": {"type": "nfs", "o": "bind", "device": "/etc"}},
            "plugin": {"driver": "local-persist", "driver_opts": {"mountpoint": "/var/run"}},
        },
        "secrets": {
            "outside": {"file": "/run/secrets/github-token"},
            "inside": {"file": "/srv/shop/secrets/db"},
            "socket": {"file": "/var/run/docker.sock"},
        },
        "configs": {"outside": {"file": "/etc/shadow"}, "inside": {"file": f"{TREE}/nginx.conf"}},
    }


P, N, S, M, C, D = Forbid


@pytest.mark.parametrize(
    ("more", "option", "what"),
    [
        ({"privileged": True}, P, "privileged: true"),
        ({"security_opt": ["no-new-privileges:true", "seccomp:unconfined"]}, P, "security_opt: seccomp:unconfined"),
        ({"security_opt": ["label=disable"]}, P, "security_opt: label=disable"),
        ({"post_start": [{"command": ["x"], "privileged": True}]}, P, "post_start/privileged: true"),
        ({"build": {"privileged": True}}, P, "build/privileged: true"),
        ({"build": {"entitlements": ["security.insecure"]}}, P, "build/entitlements: security.insecure"),
        *(
            ({key: value}, N, f"{key}: {value}")
            for key in ("network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup")
            for value in ("host", "container:traefik", "service:postgres")
            if value != "service:postgres" or key in {"network_mode", "pid"}
        ),
        ({"networks": {"hosts": None}}, N, "networks: host"),
        ({"build": {"network": "host"}}, N, "build/network: host"),
        ({"build": {"entitlements": ["network.host"]}}, N, "build/entitlements: network.host"),
        ({"volumes": [bind("/var/run/docker.sock")]}, S, "volumes: /var/run/docker.sock"),
        ({"volumes": [bind("//run/../run/docker.sock")]}, S, "volumes: //run/../run/docker.sock"),
        ({"volumes": [bind("/")]}, S, "volumes: /"),
        ({"volumes": [volume("plugin")]}, S, "volumes/plugin/driver_opts: /var/run"),
        ({"volumes_from": ["postgres:ro"]}, S, "volumes_from: postgres, volumes: /run/docker.sock"),
        ({"volumes_from": ["container:traefik"]}, S, "volumes_from: container:traefik"),
        ({"secrets": [{"source": "socket"}]}, S, "secrets/socket: /var/run/docker.sock"),
        ({"use_api_socket": True}, S, "use_api_socket: true"),
        ({"networks": {"engine": None}}, S, "networks: updater_engine, where the Docker Engine answers"),
        ({"network_mode": "service:proxy"}, S, "networks: updater_engine, where the Docker Engine answers"),
        ({"network_mode": "updater_engine"}, S, "networks: updater_engine, where the Docker Engine answers"),
        ({"network_mode": "container:proxy"}, S, "network_mode: container:proxy"),
        ({"volumes": [bind("/etc")]}, M, "volumes: /etc"),
        ({"volumes": [bind("/srv/shop/../other")]}, M, "volumes: /srv/shop/../other"),
        ({"volumes": [bind("/data/releases")]}, M, "volumes: /data/releases"),
        ({"volumes": [volume("bound")]}, M, "volumes/bound/driver_opts: /etc"),
        ({"volumes": [volume("overlay")]}, M, "volumes/overlay/driver_opts: /opt"),
        ({"volumes": [volume("feigned")]}, M, "volumes/feigned/driver_opts: /etc"),
        ({"volumes_from": ["container:traefik"]}, M, "volumes_from: container:traefik"),
        ({"secrets": [{"source": "outside"}]}, M, "secrets/outside: /run/secrets/github-token"),
        ({"configs": [{"source": "outside"}]}, M, "configs/outside: /etc/shadow"),
        ({"build": {"context": "/data"}}, M, "build/context: /data"),
        ({"build": {"context": TREE, "dockerfile": "../../../x"}}, M, f"build/dockerfile: {TREE}/../../../x"),
        ({"build": {"context": TREE, "dockerfile": "/etc/x"}}, M, "build/dockerfile: /etc/x"),
        ({"build": {"additional_contexts": {"a": "/root"}}}, M, "build/additional_contexts/a: /root"),
        ({"build": {"additional_contexts": {"a": "oci-layout:///x@sha256:1"}}}, M, "build/additional_contexts/a: /x"),
        ({"build": {"secrets": [{"source": "outside"}]}}, M, "build/secrets/outside: /run/secrets/github-token"),
        ({"build": {"ssh": ["deploy=/root/.ssh/id_ed25519"]}}, M, "build/ssh: /root/.ssh/id_ed25519"),
        ({"build": {"cache_to": ["type=local,dest=/etc/cron.d"]}}, M, "build/cache_to: /etc/cron.d"),
        ({"cap_add": ["SYS_ADMIN"]}, C, "cap_add: SYS_ADMIN"),
        ({"devices": [{"source": "/dev/fuse", "target": "/dev/fuse"}]}, D, "devices: /dev/fuse"),
        ({"device_cgroup_rules": ["c 1:3 mr"]}, D, "device_cgroup_rules: c 1:3 mr"),
        ({"gpus": [{"count": -1}]}, D, "gpus"),
        (
            {"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}},
            D,
            "deploy/resources/reservations/devices",
        ),
        ({"volumes": [volume("disk")]}, D, "volumes/disk/driver_opts: /dev/sda1"),
        ({"build": {"entitlements": ["device=gpu"]}}, D, "build/entitlements: device=gpu"),
    ],
)
def test_use_is_found_and_named(more: Model, option: Forbid, what: str) -> None:
    if "network_mode" in more:
        more = {**more, "networks": None}
    found = forbidden(model(**more), None, STACK, PLACES)
    assert Use(option, "bot", what) in found
    assert {use.service for use in found} == {"bot"}
    others = replace(STACK, policy=Policy(forbid=frozenset(Forbid) - {option}))
    assert option not in {use.option for use in forbidden(model(**more), None, others, PLACES)}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"privileged": False, "cap_add": None, "devices": [], "pid": None},
        {"security_opt": ["no-new-privileges", "no-new-privileges:true"], "cap_drop": ["ALL"]},
        {"network_mode": "none", "networks": None},
        {"network_mode": "service:api-blue", "ipc": "shareable", "networks": None},
        {"volumes": [bind("/srv/shop/data"), bind(f"{TREE}/config"), volume("pg"), volume("own"), volume("remote")]},
        {"volumes": [{"type": "tmpfs", "target": "/scratch"}, {"type": "volume", "target": "/anonymous"}]},
        {"volumes_from": ["api-blue"], "secrets": [{"source": "inside"}], "configs": [{"source": "inside"}]},
        {"build": {"context": TREE, "dockerfile": "docker/Dockerfile", "network": "none", "ssh": ["default"]}},
        {"build": {"context": "https://github.com/octo/shop.git", "additional_contexts": {"b": "docker-image://x"}}},
        {"build": {"context": TREE, "dockerfile_inline": "FROM x", "cache_from": ["type=registry,ref=x/y"]}},
    ],
)
def test_ordinary_options_are_no_use(more: Model) -> None:
    assert forbidden(model(**more), None, STACK, PLACES) == []


def test_nothing_is_forbidden_by_default() -> None:
    assert forbidden(model(privileged=True), None, replace(STACK, policy=Policy()), PLACES) == []


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/run/secrets/github-token", "/run/secrets/github-token"),
        ("/srv/shop/bot.env", None),
    ],
)
def test_env_file_of_a_moved_service_is_inside(path: str, what: str | None) -> None:
    found = forbidden(model(), None, STACK, PLACES, {"bot": [path]})
    assert found == ([Use(M, "bot", f"env_file: {what}")] if what else [])


def test_service_that_is_built_with_a_moved_one_is_checked() -> None:
    release = model(build={"context": TREE, "additional_contexts": {"base": "service:proxy"}})
    release["services"]["proxy"]["build"] = {"context": "/data", "network": "host"}
    release["services"]["proxy"]["cap_add"] = ["NET_ADMIN"]
    assert forbidden(release, None, STACK, PLACES) == [
        Use(N, "proxy", "build/network: host"),
        Use(M, "proxy", "build/context: /data"),
    ]


@pytest.mark.parametrize("name", ["postgres", "updater-worker"])
def test_other_service_may_keep_what_it_has_and_get_no_more(name: str) -> None:
    """The updater does not start these, or only as the live release has them."""
    live = model()
    live["services"]["updater-worker"] = {"image": "updater", "volumes": [bind("/srv/routes")]}
    assert forbidden(live, live, STACK, PLACES) == []
    release = {**live, "services": {**live["services"]}}
    release["services"][name] = {**live["services"][name], "cap_add": ["ALL"], "image": "new"}
    assert forbidden(release, live, STACK, PLACES) == [Use(C, name, "cap_add: ALL")]
    assert forbidden(release, None, STACK, PLACES) == [], "nothing is live, so there is nothing to compare with"


def test_shared_namespaces_in_a_circle_end() -> None:
    release = model(pid="service:api-blue")
    release["services"]["api-blue"] = {"image": "x", "pid": "service:bot", "volumes_from": ["bot"]}
    release["services"]["bot"]["volumes_from"] = ["api-blue"]
    assert forbidden(release, None, STACK, PLACES) == []


def test_refusal_says_what_to_write() -> None:
    found = forbidden(model(privileged=True, cap_add=["ALL"]), None, STACK, PLACES)
    assert refusal(found) == (
        "bot uses privileged (privileged: true); bot uses cap_add (cap_add: ALL). Traffic is unchanged. Remove that "
        "from the release's Compose file. Or, to permit it, remove cap_add, privileged from policy/forbid in the stack "
        "file"
    )


def test_model_without_services_has_no_use() -> None:
    assert uses({"services": None}, PLACES) == []
