"""The demo's Traefik in front of the user's stack: its service, and the dynamic file with its stand-ins. Pure."""

from collections.abc import Mapping

from app.domain.stack import Stack
from deploy.demo.clients import Json
from deploy.demo.own_stack.replacements import middlewares_of, stand_in, tls_options_of

SERVICE = "demo-traefik"
STAND_INS = "demo-stand-ins.yml"
"""The file in the watched directory."""

EDGE = "demo-edge"
"""The network by which Traefik's ports are published if those of the stack are all internal."""

METRICS = "demo-metrics"
FIRST_PORT = 8000


def service(stack: Stack, image: str, routes: str, ports: Mapping[str, int], metrics: int) -> Json:
    """The Compose service, without its networks. `routes`: the host's directory that has the watched one.

    `ports`: those on loopback of each entrypoint; `metrics`: that of Traefik's metrics.
    """
    inside = {name: FIRST_PORT + n for n, name in enumerate([*ports, METRICS])}
    published = {**ports, METRICS: metrics}
    return {
        "image": image,
        "restart": "unless-stopped",
        "stop_grace_period": "20s",
        "command": [
            *(f"--entrypoints.{name}.address=:{port}" for name, port in inside.items()),
            *(f"--entrypoints.{name}.http.tls=true" for name in ports if stack.traefik.entrypoints[name].secure),
            "--metrics.prometheus=true",
            f"--metrics.prometheus.entrypoint={METRICS}",
            "--providers.file.directory=/routes/dynamic",
            "--providers.file.watch=true",
            "--providers.providersThrottleDuration=100ms",
            "--log.level=WARN",
            "--global.checkNewVersion=false",
            "--global.sendAnonymousUsage=false",
        ],
        "volumes": [{"type": "bind", "source": routes, "target": "/routes", "read_only": True}],
        "ports": [
            {"host_ip": "127.0.0.1", "published": str(published[name]), "target": port, "protocol": "tcp"}
            for name, port in inside.items()
        ],
    }


def stand_ins(stack: Stack) -> Json | None:
    """What the routes name and only the host's Traefik has: middlewares that pass every request, default TLS options.

    Without it, Traefik would drop every route that names them. None if no route does.
    """
    names, options = middlewares_of(stack), tls_options_of(stack)
    passes = {stand_in(name): {"headers": {"customResponseHeaders": {"X-Demo-Stand-In": name}}} for name in names}
    result: Json = {"http": {"middlewares": passes}} if passes else {}
    if options:
        result["tls"] = {"options": {name.partition("@")[0]: {"minVersion": "VersionTLS12"} for name in options}}
    return result or None
