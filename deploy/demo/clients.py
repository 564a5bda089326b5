"""HTTP clients for services on this machine, without TLS."""

import ssl
from typing import Any

import httpx

Json = dict[str, Any]
"""A JSON object."""

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Every address here is plain HTTP. By default an httpx client would load all CA certificates first, in 28 ms."""


def plain_client(**options: Any) -> httpx.AsyncClient:
    """Creates a client that ignores proxy variables and loads no certificates. `options` are httpx's own."""
    return httpx.AsyncClient(trust_env=False, verify=NO_TLS, **options)


def plain_sync_client(**options: Any) -> httpx.Client:
    """As `plain_client`, for code that does not run in an event loop."""
    return httpx.Client(trust_env=False, verify=NO_TLS, **options)
