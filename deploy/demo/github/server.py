"""The demo's GitHub: the part of GitHub's API that the updater calls, in a separate process, with faults on request.

Usage: `python -m deploy.demo.github.server PORT REPOSITORY ADDRESS`, with the token in GITHUB_TOKEN. It listens on
ADDRESS. The paths below `/_control` control it: see control.py.
"""

import asyncio
import hashlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.demo.clients import Json
from deploy.demo.github.answers import commit_answer, error_answer, hook_answer, repository_answer
from deploy.demo.github.check_calls import CheckCalls
from deploy.demo.github.delivery import HOOK_ID, REPOSITORY_ID
from deploy.demo.github.hub import PER_PAGE, Hub, Weather

LIMIT = 5_000
LIMIT_WITHOUT_TOKEN = 60
WINDOW_SECONDS = 3_600
DESCRIPTION_CHARACTERS = 140
STATES = {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}


@dataclass(frozen=True)
class Api:
    """The calls below `/repos/{owner}/{name}`. https://docs.github.com/en/rest"""

    hub: Hub

    async def repository(self, _: Request) -> Response:
        return JSONResponse(repository_answer(self.hub.repository, REPOSITORY_ID, self.hub.api))

    async def releases(self, request: Request) -> Response:
        shown = [r for r in self.hub.releases if _authorised(request, self.hub) or not r["draft"]]
        return self._page(request, shown)

    async def release(self, request: Request) -> Response:
        """A draft exists only for those who may write."""
        number = int(request.path_params["id"])
        shown = (r for r in self.hub.releases if r["id"] == number)
        found = next((r for r in shown if _authorised(request, self.hub) or not r["draft"]), None)
        return _error(404, "Not Found") if found is None else JSONResponse(found)

    async def commit(self, request: Request) -> Response:
        ref = request.path_params["ref"].removeprefix("tags/")
        sha = self.hub.tags.get(ref, ref)
        if sha not in self.hub.tags.values():
            return _error(422, f"No commit found for SHA: {ref}")
        return JSONResponse(commit_answer(sha, self.hub.repository, self.hub.api))

    async def hooks(self, request: Request) -> Response:
        return self._page(request, self.hub.hooks)

    async def deliveries(self, request: Request) -> Response:
        if int(request.path_params["id"]) != HOOK_ID:
            return _error(404, "Not Found")
        failures = request.query_params.get("status") == "failure"
        return self._page(request, [d for d in self.hub.deliveries if d["status_code"] >= 400 or not failures])

    async def deployments(self, request: Request) -> Response:
        wanted = {name: request.query_params[name] for name in ("sha", "environment") if name in request.query_params}
        found = [d for d in self.hub.deployments if all(d[name] == value for name, value in wanted.items())]
        return self._page(request, found)

    async def deploy(self, request: Request) -> Response:
        asked = await request.json()
        if wrong := _wrong_deployment(asked):
            return _error(422, wrong)
        made = self.hub.deploy(asked)
        return JSONResponse(made, 201) if made else _error(422, f"No ref found for: {asked['ref']}")

    async def statuses(self, request: Request) -> Response:
        found = self.hub.statuses.get(int(request.path_params["id"]))
        return _error(404, "Not Found") if found is None else self._page(request, found)

    async def report(self, request: Request) -> Response:
        asked = await request.json()
        deployment = next((d for d in self.hub.deployments if d["id"] == int(request.path_params["id"])), None)
        if deployment is None:
            return _error(404, "Not Found")
        if asked.get("state") not in STATES or len(asked.get("description", "")) > DESCRIPTION_CHARACTERS:
            return _error(422, "Validation Failed")
        return JSONResponse(self.hub.report(deployment, asked), 201)

    def _page(self, request: Request, found: list[Json]) -> Response:
        size, page = int(request.query_params.get("per_page", PER_PAGE)), int(request.query_params.get("page", 1))
        here = found[size * (page - 1) : size * page]
        more = f'<{request.url.include_query_params(page=page + 1)}>; rel="next"'
        return JSONResponse(here, headers={"Link": more} if size * page < len(found) else None)


def _wrong_deployment(asked: Json) -> str | None:
    """Returns why the request is wrong: GitHub would refuse it, merge, or wait for checks that this stack lacks."""
    if asked.get("auto_merge", True) or asked.get("required_contexts") != []:
        return "Conflict: the commit statuses are not known, or a merge would be made"
    return "Validation Failed" if len(asked.get("description") or "") > DESCRIPTION_CHARACTERS else None


@dataclass(frozen=True)
class Control:
    """The calls that set and inspect the hub, beside GitHub's own."""

    hub: Hub

    async def publish(self, request: Request) -> Response:
        return JSONResponse(self.hub.publish(**await request.json()), 201)

    async def withdraw(self, request: Request) -> Response:
        return JSONResponse(self.hub.withdraw(**await request.json()))

    async def weather(self, request: Request) -> Response:
        asked = await request.json()
        self.hub.weather = Weather(**asked | ({"methods": tuple(asked["methods"])} if "methods" in asked else {}))
        return JSONResponse({})

    async def check(self, request: Request) -> Response:
        asked = await request.json()
        self.hub.checks_of(asked.pop("sha")).add(**asked)
        return JSONResponse({})

    async def hook(self, request: Request) -> Response:
        self.hub.hooks = [hook_answer((await request.json())["url"], self.hub.repository, self.hub.api)]
        return JSONResponse({})

    async def delivery(self, request: Request) -> Response:
        return JSONResponse(self.hub.delivered(**await request.json()), 201)

    async def seen(self, _: Request) -> Response:
        deployments = [{**d, "states": self.hub.statuses[d["id"]]} for d in self.hub.deployments]
        return JSONResponse({"calls": self.hub.calls, "deployments": deployments, "used": self.hub.used})


Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Gate:
    """Wraps every call of GitHub's API: credentials, rate limit, faults, ETag, and the list of calls."""

    hub: Hub
    with_token: bool = False

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            response = await self._answer(endpoint, request)
            seen = {"method": request.method, "path": request.url.path, "status": response.status_code}
            self.hub.calls.append({**seen, "at": time.time()})
            return response

        return answer

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        weather = self.hub.weather
        if weather.strikes(request.method):
            await asyncio.sleep(weather.slow)
            if weather.limited is not None:
                return self._limited(weather.limited)
            if weather.moved is not None:
                return _moved(request, weather)
            if weather.status is not None:
                if weather.carried_out:
                    await endpoint(request)
                return _error(weather.status, "Server Error")
        if refused := self._refused(request):
            return refused
        return self._tagged(request, await endpoint(request))

    def _refused(self, request: Request) -> Response | None:
        given = request.headers.get("authorization")
        if given is not None and not _authorised(request, self.hub):
            return _error(401, "Bad credentials")
        if given is None and (self.with_token or request.method == "POST"):
            return _error(404, "Not Found")
        named = f"{request.path_params['owner']}/{request.path_params['name']}"
        return None if named.lower() == self.hub.repository.lower() else _error(404, "Not Found")

    def _tagged(self, request: Request, response: Response) -> Response:
        """https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests"""
        allowed = LIMIT if _authorised(request, self.hub) else LIMIT_WITHOUT_TOKEN
        etag = f'W/"{hashlib.sha256(bytes(response.body)).hexdigest()}"'
        unchanged = request.method == "GET" and request.headers.get("if-none-match") == etag
        if not (unchanged and allowed == LIMIT):
            self.hub.used += 1
        headers = {"ETag": etag, **_limit_headers(allowed, allowed - self.hub.used, WINDOW_SECONDS)}
        if unchanged:
            return Response(status_code=304, headers=headers)
        response.headers.update(headers)
        return response

    def _limited(self, seconds: float) -> Response:
        answer = _error(403, "API rate limit exceeded")
        answer.headers.update(_limit_headers(LIMIT, 0, seconds))
        return answer


def _limit_headers(allowed: int, left: int, seconds: float) -> dict[str, str]:
    reset = str(int(time.time() + seconds))
    named = {"limit": allowed, "remaining": max(0, left), "used": allowed - max(0, left), "reset": reset}
    return {f"X-RateLimit-{name.capitalize()}": str(value) for name, value in named.items()}


def _authorised(request: Request, hub: Hub) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() in {"token", "bearer"} and token == hub.token


def _moved(request: Request, weather: Weather) -> Response:
    path = f"{request.url.path}?{request.url.query}".removesuffix("?")
    return JSONResponse({"message": "Moved"}, weather.status or 301, headers={"Location": f"{weather.moved}{path}"})


def _error(status: int, message: str) -> Response:
    return JSONResponse(error_answer(message), status)


def github_app(hub: Hub) -> Starlette:
    """Creates the app: the API below `/repos`, and `/_control`."""
    api, control, gate, closed = Api(hub), Control(hub), Gate(hub), Gate(hub, with_token=True)
    checks, here = CheckCalls(hub), "/repos/{owner}/{name}"
    return Starlette(
        routes=[
            Route(here, gate(api.repository)),
            Route(f"{here}/releases", gate(api.releases)),
            Route(f"{here}/releases/{{id:int}}", gate(api.release)),
            Route(f"{here}/commits/{{sha:str}}/check-runs", gate(checks.check_runs)),
            Route(f"{here}/commits/{{sha:str}}/check-suites", gate(checks.check_suites)),
            Route(f"{here}/commits/{{sha:str}}/status", gate(checks.combined_status)),
            Route(f"{here}/commits/{{ref:path}}", gate(api.commit)),
            Route(f"{here}/hooks", closed(api.hooks)),
            Route(f"{here}/hooks/{{id:int}}/deliveries", closed(api.deliveries)),
            Route(f"{here}/deployments", gate(api.deployments)),
            Route(f"{here}/deployments", gate(api.deploy), methods=["POST"]),
            Route(f"{here}/deployments/{{id:int}}/statuses", gate(api.statuses)),
            Route(f"{here}/deployments/{{id:int}}/statuses", gate(api.report), methods=["POST"]),
            Route("/_control/releases", control.publish, methods=["POST"]),
            Route("/_control/withdrawals", control.withdraw, methods=["POST"]),
            Route("/_control/weather", control.weather, methods=["POST"]),
            Route("/_control/checks", control.check, methods=["POST"]),
            Route("/_control/hook", control.hook, methods=["POST"]),
            Route("/_control/deliveries", control.delivery, methods=["POST"]),
            Route("/_control/seen", control.seen),
        ]
    )


async def run(port: int, repository: str, token: str, address: str) -> None:
    """Serves at `address` until SIGTERM."""
    closing = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, closing.set)
    config = Config()
    config.bind = [f"{address}:{port}"]
    config.graceful_timeout = 1
    hub = Hub(repository, token, f"http://127.0.0.1:{port}")
    await serve(github_app(hub), config, shutdown_trigger=closing.wait)  # type: ignore[arg-type]


def main(arguments: list[str]) -> None:
    port, repository, address = arguments
    asyncio.run(run(int(port), repository, os.environ["GITHUB_TOKEN"], address))


if __name__ == "__main__":
    main(sys.argv[1:])
