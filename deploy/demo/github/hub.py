"""One repository on the demo's GitHub, and the faults that this GitHub simulates."""

from dataclasses import dataclass, field
from itertools import count

from deploy.demo.clients import Json
from deploy.demo.github.answers import delivery_answer, deployment_answer, release_answer, status_answer
from deploy.demo.github.checks import Checks
from deploy.demo.github.delivery import REPOSITORY_ID

PER_PAGE = 30
"""How many entries a page has, unless the request says otherwise."""


@dataclass
class Weather:
    """The faults that GitHub simulates.

    `status`: the response to every call (502…). `carried_out`: the call takes effect before that response. `methods`:
    the affected calls. `slow`: seconds before a response. `limited`: for how many seconds the rate limit is used up.
    `moved`: responses redirect there, with the status `status` or 301, to the same path.
    `times`: for how many calls the faults last (None: until they are changed).
    """

    status: int | None = None
    carried_out: bool = False
    methods: tuple[str, ...] = ("GET", "POST")
    slow: float = 0.0
    limited: float | None = None
    moved: str | None = None
    times: int | None = None

    def strikes(self, method: str) -> bool:
        if method not in self.methods or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Hub:
    """One repository with its releases, deployments and deliveries."""

    repository: str
    token: str
    api: str
    releases: list[Json] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    deployments: list[Json] = field(default_factory=list)
    statuses: dict[int, list[Json]] = field(default_factory=dict)
    hooks: list[Json] = field(default_factory=list)
    deliveries: list[Json] = field(default_factory=list)
    checks: dict[str, Checks] = field(default_factory=dict)
    weather: Weather = field(default_factory=Weather)
    calls: list[Json] = field(default_factory=list)
    used: int = 0

    def __post_init__(self) -> None:
        self._numbers = count(1)

    def publish(
        self, tag: str, sha: str, number: int | None = None, *, draft: bool = False, prerelease: bool = False
    ) -> Json:
        """Publishes a release of `tag`. Deletes an earlier one first, because GitHub has one release per tag."""
        self.tags[tag] = sha
        number = number or next(self._numbers)
        release = release_answer(tag, number, self.repository, draft=draft, prerelease=prerelease)
        self.releases = [release, *(r for r in self.releases if r["tag_name"] != tag)]
        return release

    def withdraw(self, number: int, action: str) -> Json:
        """Takes a release back: `deleted`, or `unpublished`, which makes it a draft. Returns it."""
        release = next(r for r in self.releases if r["id"] == number)
        if action == "deleted":
            self.releases.remove(release)
        else:
            release |= {"draft": True, "published_at": None}
        return release

    def checks_of(self, sha: str) -> Checks:
        return self.checks.setdefault(sha, Checks(sha, self.repository, self.api))

    def deploy(self, asked: Json) -> Json | None:
        """Returns None if the ref does not exist."""
        ref = str(asked["ref"])
        sha = self.tags.get(ref, ref)
        if sha not in self.tags.values():
            return None
        deployment = deployment_answer(next(self._numbers), asked, sha, self.repository, self.api)
        self.deployments.insert(0, deployment)
        self.statuses[deployment["id"]] = []
        return deployment

    def report(self, deployment: Json, asked: Json) -> Json:
        status = status_answer(next(self._numbers), asked, deployment)
        self.statuses[deployment["id"]].insert(0, status)
        return status

    def delivered(self, guid: str, status: int, action: str) -> Json:
        delivery = delivery_answer(next(self._numbers), guid, status, action, REPOSITORY_ID)
        self.deliveries.insert(0, delivery)
        return delivery
