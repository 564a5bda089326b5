"""The internal listener: the table of calls, each behind the guard."""

from starlette.applications import Starlette
from starlette.routing import Route

from app.web.answers import HANDLERS, not_found
from app.web.guard import Guard
from app.web.table import Desk


def internal_app(desk: Desk, guard: Guard) -> Starlette:
    """The whole internal listener."""
    routes = [Route(call.path, guard.before(call), methods=[call.method]) for call in desk.calls()]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False
    app.router.default = not_found
    return app
