"""URLs of the environment: which of them may carry a secret, and what their servers have to prove."""

from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from app.config.forge import api_problem

CERT_REQS = frozenset({"none", "optional", "required"})
"""https://docs.python.org/3/library/ssl.html#ssl.SSLContext.verify_mode"""


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself, so that no other machine can read what is sent to it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def valid_redis_url(value: str) -> str:
    """Raises ValueError if `value` is not a URL of a Redis, or has TLS options that cannot work."""
    parts = urlsplit(value)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("should start with redis://, rediss:// or unix://")
    options = parse_qs(parts.query)
    if parts.scheme != "rediss":
        if any(name.startswith("ssl_") for name in options):
            raise ValueError("has options that begin with ssl_, which need rediss://")
        return value
    required = _cert_reqs(options)
    if required not in CERT_REQS:
        raise ValueError("ssl_cert_reqs should be required, optional or none")
    if required == "none" and "ssl_check_hostname" in options:
        raise ValueError("ssl_cert_reqs=none checks no certificate, so leave ssl_check_hostname out")
    return value


def redis_tls(url: str) -> dict[str, bool]:
    """The options of redis-py that make a `rediss://` server prove that it has the name in `url`.

    By default redis-py accepts a valid certificate of any other name. Options in `url` win, such as
    `ssl_check_hostname=false`. https://redis.io/docs/latest/develop/clients/redis-py/connect/
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return {}
    return {"ssl_check_hostname": _cert_reqs(parse_qs(parts.query)) != "none"}


def _cert_reqs(options: dict[str, list[str]]) -> str:
    return options.get("ssl_cert_reqs", ["required"])[0]


def valid_github_api_url(value: str) -> str:
    """Raises ValueError if `value` is not a URL that GITHUB_TOKEN may be sent to."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise ValueError("should be an https URL without credentials, such as https://github.example.org/api/v3")
    if problem := api_problem(value):
        raise ValueError(problem)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            "should begin with https://. Over http the network could read GITHUB_TOKEN and forge GitHub's answers, so "
            "http:// is allowed only to this machine, such as http://127.0.0.1:8080"
        )
    return value
