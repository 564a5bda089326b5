from tests.unit.workers.adapters.swarm.attributes import a_service
from workers.adapters.swarm.stored_files import stored_name, used_names
from workers.definition.swarm.files import StoredFile


def test_each_content_has_a_name_of_its_own() -> None:
    file = StoredFile("configs", "app.conf", "/etc/app.conf", file="/srv/app.conf")
    first, second = (stored_name("shop", file, mark) for mark in ("a" * 32, "b" * 32))
    assert (first, second) == ("shop_app.conf-aaaaaaaaaaaa", "shop_app.conf-bbbbbbbbbbbb")


def test_files_of_every_service_are_used() -> None:
    one, other = a_service()["Spec"], a_service()["Spec"]
    one["TaskTemplate"]["ContainerSpec"]["Configs"] = [{"ConfigName": "shop_a-1"}]
    other["TaskTemplate"]["ContainerSpec"]["Secrets"] = [{"SecretName": "shop_b-2"}]
    assert used_names([one, other]) == {"shop_a-1", "shop_b-2"}
