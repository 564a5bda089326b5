"""Which anonymous volumes a service inherits."""

from typing import Any

from workers.definition.services.anonymous_volumes import anonymous, inheriting

NAME = "a" * 64
UNNAMED = {"type": "volume", "target": "/data"}
INHERITED = {"type": "volume", "source": NAME, "target": "/data"}


def model(*volumes: dict[str, Any]) -> dict[str, Any]:
    return {"services": {"bot": {"volumes": list(volumes)}}, "volumes": {"db": {"name": "shop_db"}}}


def test_only_unnamed_volumes_are_anonymous() -> None:
    mounts = [
        {"Type": "volume", "Name": NAME, "Destination": "/data"},
        {"Type": "volume", "Name": "shop_db", "Destination": "/db"},
        {"Type": "bind", "Source": "/srv", "Destination": "/srv"},
        {"Type": "tmpfs", "Destination": "/run"},
    ]
    assert anonymous(mounts) == {"/data": NAME}


def test_unnamed_volume_of_the_file_is_inherited() -> None:
    other = {"type": "volume", "source": "db", "target": "/db"}
    found = inheriting(model(UNNAMED, other), "bot", {"/data": NAME}, ())
    assert found["services"]["bot"]["volumes"] == [other, INHERITED]
    assert found["volumes"] == {"db": {"name": "shop_db"}, NAME: {"name": NAME, "external": True}}


def test_volume_of_the_image_is_inherited() -> None:
    found = inheriting({"services": {"bot": {}}}, "bot", {"/data": NAME}, ["/data"])
    assert found == {"services": {"bot": {"volumes": [INHERITED]}}, "volumes": {NAME: {"name": NAME, "external": True}}}


def test_path_with_another_mount_inherits_nothing() -> None:
    """Also where the image declares it."""
    for mount in ({**UNNAMED, "source": "db"}, {"type": "bind", "source": "/srv", "target": "/data"}):
        assert inheriting(model(mount), "bot", {"/data": NAME}, ["/data"]) == model(mount)


def test_path_that_the_release_does_not_have_inherits_nothing() -> None:
    assert inheriting(model(), "bot", {"/data": NAME}, ()) == model()


def test_unnamed_volume_without_one_before_is_new() -> None:
    assert inheriting(model(UNNAMED), "bot", {}, ()) == model(UNNAMED)
