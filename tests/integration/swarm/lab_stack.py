"""How the releases of these tests differ from the sample stack's."""

from pathlib import Path

from deploy.demo.repository import replace_in
from deploy.demo.swarm.copies import in_two_copies


def no_gateway(tree: Path) -> None:
    """Lets the bot be healthy without its gateway."""
    replace_in(tree / "docker-compose.yml", "import os; os.stat('/tmp/ready')", "pass")


def two_copies(tree: Path) -> None:
    """One for each node."""
    no_gateway(tree)
    in_two_copies(tree)


def beside_the_third(tree: Path) -> None:
    """One copy on each of the first two nodes of three."""
    no_gateway(tree)
    in_two_copies(tree, 'max_replicas_per_node: 1, constraints: ["node.hostname!=node3"]')
