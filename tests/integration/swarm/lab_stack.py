"""How the releases of these tests differ from the sample stack's."""

from pathlib import Path

COPIED = """    dockerfile: skills/Dockerfile
    args: {BASE: "${DEMO_BASE_IMAGE}"}"""


def no_gateway(tree: Path) -> None:
    """Lets the bot be healthy without its gateway."""
    file = tree / "docker-compose.yml"
    text = file.read_text()
    assert "import os; os.stat('/tmp/ready')" in text
    file.write_text(text.replace("import os; os.stat('/tmp/ready')", "pass"))


def two_copies(tree: Path, placement: str = "max_replicas_per_node: 1") -> None:
    """One for each node."""
    no_gateway(tree)
    file = tree / "docker-compose.yml"
    text = file.read_text()
    assert COPIED in text
    file.write_text(text.replace(COPIED, f"{COPIED}\n  deploy: {{replicas: 2, placement: {{{placement}}}}}"))


def beside_the_third(tree: Path) -> None:
    """One copy on each of the first two nodes of three."""
    two_copies(tree, 'max_replicas_per_node: 1, constraints: ["node.hostname!=node3"]')
