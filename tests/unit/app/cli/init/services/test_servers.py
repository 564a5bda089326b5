from pathlib import Path

from app.cli.init.project.compose_file import Project
from app.cli.init.services.servers import servers


def test_servers_are_found_by_three_sources(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\nEXPOSE 1\n")
    services = {
        "a": {"expose": ["1"]},
        "shop-agent": {"environment": {"AGENT_PORT": "8787"}},
        "c": {"build": "."},
        "d": {"build": "./nowhere", "environment": {"REDIS_HOST": "redis", "REDIS_PORT": "6379", "AGENT_PORT": "1"}},
    }
    project = Project(tmp_path, "compose.yaml", {"name": "shop", "services": services}, resolved=False)
    assert servers(project) == {"a", "shop-agent", "c"}
