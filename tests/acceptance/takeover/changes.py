"""Changes that releases make in the stack's files."""

from pathlib import Path

import yaml

from tests.acceptance.takeover.old_stack import ROUTE_FILE

NEW_SERVICE = """\

  notes:
    image: "${BASE_IMAGE}"
    container_name: zetherion-ai-notes
    init: true
    restart: unless-stopped
    command: [sleep, infinity]
    networks: [zetherion-ai-net]
"""
COMPOSE = "docker-compose.yml"


def add_a_service_and_a_variable(tree: Path) -> None:
    """Adds a service that the stack file does not name, a variable that skills needs, and a line of the routes."""
    text = (tree / COMPOSE).read_text()
    for color in ("blue", "green"):
        line = f"      - LOG_FILE_PREFIX=skills-{color}\n"
        assert line in text
        text = text.replace(line, f"{line}      - GREETING=${{GREETING:?}}\n")
    text = text.replace("\n\nvolumes:\n", f"\n{NEW_SERVICE}\nvolumes:\n", 1)
    assert set(yaml.safe_load(text)["services"]) >= {"notes", "zetherion-ai-bot"}
    (tree / COMPOSE).write_text(text)
    with (tree / ROUTE_FILE).open("a") as routes:
        routes.write("# A later tag commits other routes than the live directory's.\n")


def remove_the_old_updater(tree: Path) -> None:
    """Does step 14 of the page; earlier additions stay."""
    add_a_service_and_a_variable(tree)
    before, _, rest = (tree / COMPOSE).read_text().partition("  # The old updater")
    _, _, after = rest.partition("      - ./logs:/app/logs\n    networks: [zetherion-ai-net]\n")
    (tree / COMPOSE).write_text(before + after)
    assert "zetherion-ai-updater" not in yaml.safe_load((tree / COMPOSE).read_text())["services"]
    for name in ("Dockerfile.updater", "old_updater.py"):
        (tree / name).unlink()
