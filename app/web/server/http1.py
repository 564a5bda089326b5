"""HTTP/1.1 and nothing else.

Without TLS, Hypercorn switches to HTTP/2 for any client that asks. There a client that gives no flow-control window
keeps its answers in memory, and the connection stays open after the client is gone.
"""

from http import HTTPStatus

import h11
from hypercorn.events import Closed, Event
from hypercorn.protocol.h11 import H2ProtocolAssumedError, H11Protocol

VERSIONS = {b"1.0", b"1.1"}


class Http1Only(H11Protocol):
    """Hypercorn's protocol without HTTP/2 and WebSocket.

    The preface of HTTP/2 is answered with 505. An `Upgrade` is ignored, as a server may:
    https://www.rfc-editor.org/rfc/rfc9110#section-7.8
    """

    async def handle(self, event: Event) -> None:
        try:
            await super().handle(event)
        except H2ProtocolAssumedError:
            await self._send_error_response(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        if event.http_version not in VERSIONS:
            raise H2ProtocolAssumedError(b"")

    async def _create_stream(self, request: h11.Request) -> None:
        await super()._create_stream(_without_upgrade(request))


def _without_upgrade(request: h11.Request) -> h11.Request:
    headers = [(name, value) for name, value in request.headers if name != b"upgrade"]
    if len(headers) == len(request.headers):
        return request
    return h11.Request(method=request.method, target=request.target, http_version=request.http_version, headers=headers)
