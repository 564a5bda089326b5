"""How a release of the sample stack differs in a swarm."""

from pathlib import Path

from deploy.demo.repository import replace_in

BUILT = """    dockerfile: skills/Dockerfile
    args: {BASE: "${DEMO_BASE_IMAGE}"}"""


def in_two_copies(tree: Path, placement: str = "max_replicas_per_node: 1") -> None:
    """Gives the routed service two copies, one for each node. `placement`: as in a Compose file."""
    deploy = f"{BUILT}\n  deploy: {{replicas: 2, placement: {{{placement}}}}}"
    replace_in(tree / "docker-compose.yml", BUILT, deploy)
