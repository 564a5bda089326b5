"""The calls of the demo's GitHub that list the checks of a commit."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deploy.demo.clients import Json
from deploy.demo.github.checks import Checks
from deploy.demo.github.hub import PER_PAGE, Hub


@dataclass(frozen=True)
class CheckCalls:
    """The calls below `/repos/{owner}/{name}/commits/{sha}`."""

    hub: Hub

    async def check_runs(self, request: Request) -> Response:
        checks = self._checks(request)
        latest = request.query_params.get("filter", "latest") == "latest"
        return self._counted(request, "check_runs", checks.latest_runs() if latest else checks.runs)

    async def check_suites(self, request: Request) -> Response:
        return self._counted(request, "check_suites", self._checks(request).suites())

    async def combined_status(self, request: Request) -> Response:
        checks = self._checks(request)
        return self._counted(request, "statuses", checks.latest_statuses(), checks.combined())

    def _checks(self, request: Request) -> Checks:
        return self.hub.checks_of(request.path_params["sha"])

    @staticmethod
    def _counted(request: Request, name: str, found: list[Json], more: Json | None = None) -> Response:
        """The lists of checks have their entries under a name, beside the number of all."""
        size, page = int(request.query_params.get("per_page", PER_PAGE)), int(request.query_params.get("page", 1))
        here = found[size * (page - 1) : size * page]
        return JSONResponse({**(more or {}), "total_count": len(found), name: here})
