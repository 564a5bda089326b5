"""What a release's Compose file uses is found in what Compose itself makes of the file."""

import os
import shutil
from pathlib import Path

from app.config.stack_file import load_stack
from app.domain.stack import Forbid, Policy, Stack
from deploy.demo.processes import ROOT
from tests.examples import a_stack
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.env_files import find_env_files, overridden
from workers.adapters.docker_host.compose.program import find_compose
from workers.definition.files.origins import locate
from workers.definition.files.roots import Roots
from workers.definition.refusals.forbidden import forbidden
from workers.definition.refusals.places import Places
from workers.ports import Stamp

ALL = Policy(forbid=frozenset(Forbid))
STAMP = Stamp("v1.0.0", "0" * 40, "r-1")

EVERYTHING = """
services:
  api-blue: {image: shop}
  api-green: {image: shop}
  bot:
    build:
      context: ./bot
      dockerfile: ../../elsewhere/Dockerfile
      network: host
      privileged: true
      entitlements: [security.insecure]
      additional_contexts: {rest: /etc, layout: "oci-layout:///opt/x"}
      secrets: [token]
    privileged: true
    security_opt: ["seccomp:unconfined"]
    network_mode: host
    pid: host
    ipc: host
    uts: host
    userns_mode: host
    cgroup: host
    cap_add: [SYS_ADMIN]
    devices: ["/dev/fuse"]
    device_cgroup_rules: ["c 1:3 mr"]
    gpus: all
    use_api_socket: true
    post_start: [{command: [x], privileged: true}]
    env_file: ["${NOWHERE:-/etc}/hostname", /etc/hostname, ../elsewhere/.env, own.env]
    secrets: [token]
    configs: [other]
    volumes:
      - //var/run/../run/docker.sock:/engine
      - ./link:/link
      - ../elsewhere:/elsewhere
      - type: volume
        source: bound
        target: /bound
    volumes_from: ["container:traefik"]
volumes:
  bound: {driver_opts: {type: none, o: bind, device: /opt}}
secrets:
  token: {file: /run/secrets/github-token}
configs:
  other: {file: ../elsewhere/other.conf}
"""

FOUND = """
privileged: true
security_opt: seccomp:unconfined
build/privileged: true
build/entitlements: security.insecure
post_start/privileged: true
network_mode: host
pid: host
ipc: host
uts: host
userns_mode: host
cgroup: host
build/network: host
use_api_socket: true
volumes: //var/run/../run/docker.sock
volumes_from: container:traefik
volumes: {live}/link
volumes: {elsewhere}
volumes/bound/driver_opts: /opt
secrets/token: /run/secrets/github-token
configs/other: {elsewhere}/other.conf
build/dockerfile: {tree}/bot/../../elsewhere/Dockerfile
build/additional_contexts/rest: /etc
build/additional_contexts/layout: /opt/x
build/secrets/token: /run/secrets/github-token
env_file: /etc/hostname
env_file: {elsewhere}/.env
cap_add: SYS_ADMIN
devices: /dev/fuse
device_cgroup_rules: c 1:3 mr
gpus
"""


async def found_in(stack: Stack, tree: Path, places: Places) -> list[str]:
    compose, roots = Compose(find_compose(), stack.project, None), Roots(tree, Path(stack.directory))
    given = ComposeFiles.below(tree, stack, STAMP)
    env_files = await find_env_files(compose, given, await compose.uninterpolated(given), roots)
    async with overridden(given, env_files) as complete:
        model = locate((await compose.resolve(complete)).model, roots, stack.moved_services()).model
    return [use.what for use in forbidden(model, None, stack, places, env_files.paths())]


async def test_every_option_is_found_in_composes_model(tmp_path: Path) -> None:
    live, tree, elsewhere = tmp_path / "live", tmp_path / "data" / "tree", tmp_path / "elsewhere"
    for directory in (live, tree, elsewhere):
        directory.mkdir(parents=True)
    (elsewhere / ".env").write_text("A=1\n")
    (live / "own.env").write_text("B=1\n")
    (live / "link").symlink_to(elsewhere)
    (tree / "docker-compose.yml").write_text(EVERYTHING)
    stack = a_stack(directory=str(live), routed=a_stack().routed[1:], policy=ALL)
    places = Places(str(live), str(tree), str(tree.parent))
    found = await found_in(stack, tree, places)
    expected = FOUND.format(live=live, tree=tree, elsewhere=elsewhere).strip().splitlines()
    assert sorted(set(found)) == sorted(expected)


async def test_services_of_the_production_stack_use_none(tmp_path: Path) -> None:
    """The policy can be switched on in the stack that the docs install."""
    live, tree = tmp_path / "live", tmp_path / "data" / "tree"
    live.mkdir()
    tree.mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "docker-compose.yml", tree)
    lines = (ROOT / "deploy" / ".env.example").read_text().splitlines()
    (live / ".env").write_text("\n".join(f"{line}1000" if line.endswith("=") else line for line in lines))
    committed = load_stack(ROOT / "config" / "stack.yml")
    stack = a_stack(
        project=committed.project,
        directory=str(live),
        routed=committed.routed,
        singletons=committed.singletons,
        policy=ALL,
    )
    places = Places(str(live), str(tree), str(tree.parent), engine_networks={"zetherion-ai_engine"})
    assert await found_in(stack, tree, places) == []


async def test_socket_behind_another_process_is_found(tmp_path: Path) -> None:
    places = Places(str(tmp_path), str(tmp_path / "tree"), "/data")
    assert places.reaches_socket("/proc/1/root/var/run/docker.sock")
    assert places.outside("/proc/1/root/etc"), "also if this user may not follow the link"
    assert places.reaches_socket(f"/proc/{os.getpid()}/root/run")
