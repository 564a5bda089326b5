from pathlib import Path

from app.cli.init.images.facts import ImageFacts
from app.cli.init.images.local_images import image_facts, local_images


def test_image_facts_read_ports_env_and_check() -> None:
    config = {
        "ExposedPorts": {"8443/tcp": {}, "53/udp": {}, "80/tcp": {}},
        "Env": ["API_PORT=8443", "EMPTY="],
        "Healthcheck": {"Test": ["CMD-SHELL", "curl localhost:80/up"]},
    }
    assert image_facts({"Config": config}) == ImageFacts(
        (80, 8443), {"API_PORT": "8443", "EMPTY": ""}, ("CMD-SHELL", "curl localhost:80/up")
    )
    assert image_facts({"Config": {"Healthcheck": {"Test": ["NONE"]}}}) == ImageFacts()
    assert image_facts({}) == ImageFacts()


def test_silent_engine_is_asked_once(tmp_path: Path) -> None:
    for host in (f"unix://{tmp_path}/none.sock", "tcp://127.0.0.1:1", "nonsense"):
        with local_images({"DOCKER_HOST": host}) as find:
            assert (find("a"), find("b")) == (None, None)
