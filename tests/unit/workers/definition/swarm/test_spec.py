from typing import Any

import pytest

from tests.unit.workers.definition.swarm.models import Model, a_model
from workers.definition.swarm.spec import (
    color_name,
    is_a_name,
    replicas,
    rollout_name,
    service_spec,
    slot_host,
    started,
    starts,
    stopped,
)

NAME = "shop_web"


def spec_of(model: Model | None = None, service: str = "web", **change: Any) -> Model:
    given: Model = {"image": {}, "files": {}, "grace": 30.0}
    return service_spec(model or a_model(), service, NAME, **{**given, **change})


def container_of(**change: Any) -> Model:
    container: Model = spec_of(a_model(**change))["TaskTemplate"]["ContainerSpec"]
    return container


def test_spec_says_all_that_the_service_says() -> None:
    assert spec_of() == {
        "Name": "shop_web",
        "Labels": {
            "d": "e",
            "updater.release": "v1.0.0",
            "updater.rollout": "r-1",
            "com.docker.stack.namespace": "shop",
            "updater.compose-service": "web",
            "updater.copies": "3",
            "updater.ports": "[]",
            "updater.checked": "true",
        },
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "registry.example.org/team/shop-web@sha256:00",
                "Labels": {"a": "b", "updater.release": "v1.0.0", "updater.rollout": "r-1"},
                "Args": ["serve", "b$c"],
                "Env": ["A=1", "B=x$y"],
                "Healthcheck": {"Test": ["CMD-SHELL", "exit 0"], "Interval": 5 * 10**9, "StartPeriod": 60 * 10**9},
                "Hostname": "{{.Service.Name}}-{{.Task.Slot}}",
                "StopGracePeriod": 90 * 10**9,
            },
            "RestartPolicy": {"Condition": "any"},
            "Placement": {"Constraints": ["node.role==worker"]},
            "Resources": {},
            "Networks": [
                {"Target": "shop_back", "Aliases": ["web", "w"]},
                {"Target": "shop_default", "Aliases": ["web"]},
            ],
            "ForceUpdate": 0,
        },
        "Mode": {"Replicated": {"Replicas": 0}},
        "EndpointSpec": {"Mode": "vip"},
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"entrypoint": ["/init"]}, {"Command": ["/init"]}),
        ({"working_dir": "/w"}, {"Dir": "/w"}),
        ({"user": "1000"}, {"User": "1000"}),
        ({"group_add": ["5", 7]}, {"Groups": ["5", "7"]}),
        ({"tty": True}, {"TTY": True}),
        ({"stdin_open": True}, {"OpenStdin": True}),
        ({"read_only": True}, {"ReadOnly": True}),
        ({"init": True}, {"Init": True}),
        ({"stop_signal": "SIGINT"}, {"StopSignal": "SIGINT"}),
        ({"extra_hosts": ["h=1.2.3.4", "six=::1"]}, {"Hosts": ["1.2.3.4 h", "::1 six"]}),
        ({"sysctls": {"net.core.somaxconn": "1024"}}, {"Sysctls": {"net.core.somaxconn": "1024"}}),
        ({"cap_drop": ["ALL"]}, {"CapabilityDrop": ["ALL"]}),
        ({"cap_add": ["net_admin", "CAP_KILL"]}, {"CapabilityAdd": ["CAP_NET_ADMIN", "CAP_KILL"]}),
        (
            {"ulimits": {"nproc": 65535, "nofile": {"soft": 20, "hard": 40}}},
            {"Ulimits": [{"Name": "nproc", "Soft": 65535, "Hard": 65535}, {"Name": "nofile", "Soft": 20, "Hard": 40}]},
        ),
        (
            {"dns": ["8.8.8.8"], "dns_search": "example.org"},
            {"DNSConfig": {"Nameservers": ["8.8.8.8"], "Search": ["example.org"]}},
        ),
        ({"healthcheck": {"disable": True}}, {"Healthcheck": {"Test": ["NONE"]}}),
        (
            {"healthcheck": {"test": "exit $$X", "retries": 4, "timeout": "1s"}},
            {"Healthcheck": {"Test": ["CMD-SHELL", "exit $X"], "Retries": 4, "Timeout": 10**9}},
        ),
        ({"hostname": "fixed"}, {"Hostname": "fixed"}),
        ({"stop_grace_period": None}, {"StopGracePeriod": 30 * 10**9}),
        (
            {"tmpfs": ["/run:size=64m,mode=1777", "/t"]},
            {
                "Mounts": [
                    {"Type": "tmpfs", "Target": "/run", "ReadOnly": False}
                    | {"TmpfsOptions": {"SizeBytes": 2**26, "Mode": 0o1777}},
                    {"Type": "tmpfs", "Target": "/t", "ReadOnly": False},
                ]
            },
        ),
        (
            {"volumes": [{"type": "volume", "source": "data", "target": "/d", "volume": {}}]},
            {
                "Mounts": [
                    {"Type": "volume", "Target": "/d", "ReadOnly": False, "Source": "shop_data"}
                    | {"VolumeOptions": {"NoCopy": False}}
                ]
            },
        ),
        (
            {"volumes": [{"type": "volume", "source": "shared", "target": "/d", "volume": {"nocopy": True}}]},
            {
                "Mounts": [
                    {"Type": "volume", "Target": "/d", "ReadOnly": False, "Source": "shop_shared"}
                    | {
                        "VolumeOptions": {
                            "NoCopy": True,
                            "DriverConfig": {"Name": "local", "Options": {"type": "nfs"}},
                        }
                    }
                ]
            },
        ),
        (
            {"volumes": [{"type": "volume", "target": "/d", "volume": {}}]},
            {"Mounts": [{"Type": "volume", "Target": "/d", "ReadOnly": False}]},
        ),
        (
            {"volumes": [{"type": "bind", "source": "/a", "target": "/b", "read_only": True, "bind": {}}]},
            {"Mounts": [{"Type": "bind", "Target": "/b", "ReadOnly": True, "Source": "/a"}]},
        ),
        (
            {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "10485760"}}]},
            {"Mounts": [{"Type": "tmpfs", "Target": "/t", "ReadOnly": False, "TmpfsOptions": {"SizeBytes": 10485760}}]},
        ),
    ],
)
def test_container_is_as_the_service_says(written: Model, expected: Model) -> None:
    found = container_of(**written)
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("written", "part", "expected"),
    [
        ({"restart": "on-failure:3"}, "RestartPolicy", {"Condition": "on-failure", "MaxAttempts": 3}),
        ({"restart": "no"}, "RestartPolicy", {"Condition": "none"}),
        ({"restart": "unless-stopped"}, "RestartPolicy", {"Condition": "any"}),
        (
            {"deploy": {"restart_policy": {"condition": "unless-stopped", "delay": "5s", "window": "2m0s"}}},
            "RestartPolicy",
            {"Condition": "any", "Delay": 5 * 10**9, "Window": 120 * 10**9},
        ),
        ({"mem_limit": "64m", "cpus": 0.5}, "Resources", {"Limits": {"NanoCPUs": 5 * 10**8, "MemoryBytes": 2**26}}),
        (
            {
                "deploy": {
                    "resources": {
                        "limits": {"cpus": 0.5, "memory": "67108864", "pids": 100},
                        "reservations": {"memory": "33554432"},
                    }
                }
            },
            "Resources",
            {
                "Limits": {"NanoCPUs": 5 * 10**8, "MemoryBytes": 2**26, "Pids": 100},
                "Reservations": {"MemoryBytes": 2**25},
            },
        ),
        (
            {"logging": {"driver": "json-file", "options": {"max-size": "10m"}}},
            "LogDriver",
            {"Name": "json-file", "Options": {"max-size": "10m"}},
        ),
        (
            {"deploy": {"placement": {"preferences": [{"spread": "node.id"}], "max_replicas_per_node": 2}}},
            "Placement",
            {"Preferences": [{"Spread": {"SpreadDescriptor": "node.id"}}], "MaxReplicas": 2},
        ),
        (
            {"platform": "linux/arm64/v8", "deploy": {}},
            "Placement",
            {"Platforms": [{"OS": "linux", "Architecture": "arm64"}]},
        ),
    ],
)
def test_task_is_as_the_service_says(written: Model, part: str, expected: Model) -> None:
    assert spec_of(a_model(**written))["TaskTemplate"][part] == expected


def test_pinned_service_runs_on_its_node_alone() -> None:
    placement = spec_of(node="worker-1")["TaskTemplate"]["Placement"]
    assert placement == {"Constraints": ["node.role==worker", "node.hostname==worker-1"]}


def test_check_of_the_image_counts() -> None:
    checked = {"Healthcheck": {"Test": ["CMD", "true"]}}
    assert spec_of(service="bot")["Labels"]["updater.checked"] == "false"
    assert spec_of(service="bot", image=checked)["Labels"]["updater.checked"] == "true"
    disabled = a_model(healthcheck={"disable": True})
    assert spec_of(disabled, "bot", image=checked)["Labels"]["updater.checked"] == "false"


def test_start_runs_every_copy_and_counts() -> None:
    at_rest = spec_of()
    assert (replicas(at_rest), starts(at_rest)) == (0, 0)
    running = started(at_rest)
    assert (replicas(running), starts(running)) == (3, 1)
    assert starts(started(stopped(running))) == 2
    assert starts(started(at_rest, since=7)) == 8, "another spec under the same name goes on counting"
    assert replicas(at_rest) == 0, "nothing was changed in place"


def test_only_a_running_service_holds_its_ports() -> None:
    """Swarm gives a published port to one service, and a rollout makes one beside that of the release before."""
    port = {"mode": "host", "protocol": "udp", "published": "8080", "target": 80}
    at_rest = spec_of(a_model(ports=[port, {"target": 81}]))
    expected = [
        {"Protocol": "udp", "TargetPort": 80, "PublishMode": "host", "PublishedPort": 8080},
        {"Protocol": "tcp", "TargetPort": 81, "PublishMode": "ingress"},
    ]
    assert "Ports" not in at_rest["EndpointSpec"]
    assert started(at_rest)["EndpointSpec"] == {"Mode": "vip", "Ports": expected}
    assert stopped(started(at_rest))["EndpointSpec"] == {"Mode": "vip"}
    assert started(stopped(started(at_rest)))["EndpointSpec"]["Ports"] == expected


def test_names_tell_colors_and_rollouts_apart() -> None:
    assert color_name("shop", "web-blue") == "shop_web-blue"
    first, second = (rollout_name("shop", "bot", rollout) for rollout in ("r-1", "r-2"))
    assert first != second
    assert first == rollout_name("shop", "bot", "r-1")
    assert first.startswith("shop_bot-")
    assert is_a_name(first)


@pytest.mark.parametrize("name", ["shop_a.b", "shop_web-", "_shop", "x" * 64, ""])
def test_swarm_takes_no_such_name(name: str) -> None:
    assert not is_a_name(name)


def test_long_name_gets_no_host_of_its_own() -> None:
    assert slot_host("shop_web-blue", 2) == "shop_web-blue-2"
    assert slot_host("x" * 62, 2) is None
    spec = service_spec(a_model(), "web", "x" * 62, image={}, files={}, grace=1)
    assert "Hostname" not in spec["TaskTemplate"]["ContainerSpec"]
