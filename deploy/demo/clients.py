"""HTTP clients for what is on this machine, without TLS."""

import ssl
from typing import Any

import httpx

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Every address here is plain HTTP: a client of httpx would read all of the world's certificates first, in 28 ms."""


def plain_client(**options: Any) -> httpx.AsyncClient:
    """A client that asks no environment for a proxy and reads no certificate; `options` are httpx's own."""
    return httpx.AsyncClient(trust_env=False, verify=NO_TLS, **options)
