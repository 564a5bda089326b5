"""TLS of the HTTP clients."""

import ssl


def verify_for(url: str) -> ssl.SSLContext | bool:
    """Returns httpx's `verify` for a client that only connects to the server of `url`.

    By default each client loads all CA certificates first, in 25 ms. A client of a plain HTTP address loads none, and
    would accept no server's certificate.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http:") else True
