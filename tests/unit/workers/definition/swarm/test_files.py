from tests.unit.workers.definition.swarm.models import a_model
from workers.definition.swarm.files import StoredFile, files_of, references

USES = {
    "configs": [{"source": "cfg"}, {"mode": "0440", "source": "text", "target": "/x", "uid": "1", "gid": "2"}],
    "secrets": [{"source": "sec", "target": "/run/secrets/sec"}, {"source": "old", "target": "old"}],
}


def test_files_come_from_where_the_model_says() -> None:
    assert files_of(a_model(**USES), "web") == [
        StoredFile("configs", "cfg", "/cfg", file="/srv/shop/c.yml"),
        StoredFile("configs", "text", "/x", "1", "2", 0o440, content="a$b"),
        StoredFile("secrets", "sec", "/run/secrets/sec", environment="SEC"),
        StoredFile("secrets", "old", "/run/secrets/old", external="the_old"),
    ]
    assert files_of(a_model(), "web") == []


def test_spec_refers_to_what_swarm_has_stored() -> None:
    files = files_of(a_model(**USES), "web")
    stored = [(f"id-{number}", f"name-{number}") for number in range(4)]
    found = references(files, stored)
    assert found["Configs"][1] == {
        "File": {"Name": "/x", "UID": "1", "GID": "2", "Mode": 0o440},
        "ConfigID": "id-1",
        "ConfigName": "name-1",
    }
    assert [(each["SecretID"], each["SecretName"]) for each in found["Secrets"]] == [
        ("id-2", "name-2"),
        ("id-3", "name-3"),
    ]
