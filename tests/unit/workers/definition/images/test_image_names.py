import pytest

from workers.definition.images.image_names import image_repository


@pytest.mark.parametrize("service", ["bot", "web-blue", "web_blue", "web__blue", "web.v1--blue", "1"])
def test_name_that_docker_allows_stays(service: str) -> None:
    assert image_repository("shop", service) == f"shop-{service}"


def test_other_names_get_a_digest() -> None:
    services = ["API-blue", "api-Blue", "api___blue", "_api.-blue", "api-blue"]
    names = [image_repository("shop", service) for service in services]
    assert len(set(names)) == len(services)
    assert all(name.startswith("shop-api-blue") and name == name.lower() for name in names)
