from workers.adapters.docker_host.survey import seen_in_list, seen_of

NETWORKS = {"shop_b": {"IPAddress": "10.0.0.2"}, "shop_a": {"IPAddress": "10.0.1.2"}, "left": {"IPAddress": ""}}
MOUNTS = [{"Destination": "/etc/dynamic", "Source": "/routes"}]
LABELS = {"com.docker.compose.service": "traefik", "com.docker.compose.project": "edge"}


def test_networks_with_an_address_are_seen() -> None:
    attrs = {
        "Name": "/edge-traefik-1",
        "Config": {"Labels": LABELS, "Image": "traefik:v3", "Entrypoint": None, "Cmd": ["traefik", "--ping"]},
        "State": {"Status": "running"},
        "Mounts": MOUNTS,
        "NetworkSettings": {"Networks": NETWORKS},
    }
    seen = seen_of(attrs)
    assert (seen.name, seen.networks, seen.mounts) == (
        "edge-traefik-1",
        ("shop_a", "shop_b"),
        {"/etc/dynamic": "/routes"},
    )
    assert seen_of({**attrs, "NetworkSettings": {"Networks": {"host": {"IPAddress": ""}}}}).networks == ("host",)


def test_listed_container_is_seen_like_an_inspected_one() -> None:
    entry = {
        "Names": ["/edge-traefik-1"],
        "Image": "traefik:v3",
        "Command": "traefik --ping",
        "State": "running",
        "Labels": LABELS,
        "Mounts": MOUNTS,
        "NetworkSettings": {"Networks": NETWORKS},
    }
    seen = seen_in_list(entry)
    assert (seen.service, seen.name, seen.state, seen.command) == (
        "traefik",
        "edge-traefik-1",
        "running",
        ("traefik --ping",),
    )
    assert (seen.networks, seen.mounts) == (("shop_a", "shop_b"), {"/etc/dynamic": "/routes"})
    assert seen_in_list({}).networks == ()
