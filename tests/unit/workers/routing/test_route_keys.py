from workers.routing.route_keys import added, changed, keys_of, removed

CONTENT = {
    "routers": {
        "updater.shop.web.1": {
            "rule": "Host(`a.example.org`)",
            "entryPoints": ["web", "websecure"],
            "service": "updater.shop.web.blue",
            "priority": 7,
            "tls": {},
        }
    },
    "services": {"updater.shop.web.blue": {"loadBalancer": {"sticky": {"cookie": {"secure": True, "maxAge": None}}}}},
}


def test_each_value_has_a_key() -> None:
    router, service = "root/http/routers/updater.shop.web.1", "root/http/services/updater.shop.web.blue"
    assert keys_of(CONTENT, "root/http") == {
        f"{router}/rule": "Host(`a.example.org`)",
        f"{router}/entryPoints/0": "web",
        f"{router}/entryPoints/1": "websecure",
        f"{router}/service": "updater.shop.web.blue",
        f"{router}/priority": "7",
        f"{router}/tls": "true",
        f"{service}/loadBalancer/sticky/cookie/secure": "true",
    }


def test_two_key_sets_are_compared() -> None:
    before, after = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"}
    assert added(before, after) == {"d": "4"}
    assert changed(before, after) == {"b": "9"}
    assert removed(before, after) == ["c"]
    assert added(before, before) == changed(before, before) == {}
