"""The internal listener: the table of calls behind the access control."""

from starlette.applications import Starlette
from starlette.routing import Route

from app.web.errors import HANDLERS, not_found
from app.web.internal.access import AccessControl
from app.web.internal.table import Calls


def internal_app(calls: Calls, guard: AccessControl) -> Starlette:
    """The whole internal listener."""
    routes = [Route(call.path, guard.before(call), methods=[call.method]) for call in calls.calls()]
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False
    app.router.default = not_found
    return app
