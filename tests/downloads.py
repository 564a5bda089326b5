"""A release whose build downloads something from this machine."""

from ipaddress import IPv4Network
from pathlib import Path

from deploy.demo.docker.engine import connected


def seen_from_builds(host: str) -> str:
    """The address of this machine on the bridge that the builds of the engine at `host` use."""
    with connected(host) as client:
        config = client.networks.get("bridge").attrs["IPAM"]["Config"][0]
    return str(config.get("Gateway") or next(IPv4Network(config["Subnet"]).hosts()))


def downloads(tree: Path, url: str) -> None:
    """The build of skills in `tree` downloads `url`."""
    file = tree / "skills" / "Dockerfile"
    ask = f"import urllib.request; urllib.request.urlopen('{url}').read()"
    file.write_text(file.read_text().replace("USER 65532", f'RUN python3 -c "{ask}"\nUSER 65532'))
