from workers.adapters.swarm.images import digest_in, registry_name, unpushed

REGISTRY = "registry.example.org/team"


def test_pushed_image_is_named_after_service_and_release() -> None:
    assert registry_name(REGISTRY, "shop", "web-blue", "0123456789abcdef") == f"{REGISTRY}/shop-web-blue:0123456789ab"


def test_image_by_digest_is_in_a_registry_already() -> None:
    model = {"services": {"web": {"image": "shop-web:01"}, "db": {"image": "db:1@sha256:00"}, "x": {"image": "x"}}}
    assert unpushed(model, ["web", "db"]) == {"web": "shop-web:01"}


def test_same_image_of_two_releases_has_one_digest() -> None:
    """A push of the same image under another tag gets the same digest."""
    assert (
        digest_in(f"{REGISTRY}/shop-bot:01@sha256:aa") == digest_in(f"{REGISTRY}/shop-bot:02@sha256:aa") == "sha256:aa"
    )
    assert digest_in("shop-bot:01") == "shop-bot:01"
