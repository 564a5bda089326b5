"""Reads and validates `stack.yml`. Every error names its path in the file."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, ValidationInfo, model_validator

from app.config.engine import AVAILABLE, NodeName, Registry, engine_contradictions
from app.config.limits import ChecksPart, KeepPart, NeedsPart, TimesPart
from app.config.links import GitHubPart, PublicUrl
from app.config.part import Part
from app.config.policy import PolicyPart
from app.config.problems import problems
from app.config.release_files import FilesPart, Inside, VariableName, contradictions
from app.config.routes.rival_routes import equal_routes, hidden_routes
from app.config.routes.routed import Name, RoutedPart, Seconds, ServiceName, TraefikPart
from app.config.tags import TagsPart, default_tags
from app.config.yaml_text import read_yaml
from app.domain.errors import StackInvalid
from app.domain.stack import (
    REPOSITORY,
    BeforeFlip,
    Channel,
    Checks,
    EngineKind,
    Follower,
    Keep,
    Needs,
    ReleaseValue,
    Resume,
    Singleton,
    Stack,
    Supersede,
    Times,
    Updater,
)


class _Uncolored(Part):
    service: ServiceName


class _Singleton(_Uncolored):
    node: NodeName | None = None


class _BeforeFlip(Part):
    service: ServiceName
    command: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)] | None = None
    limit: Seconds = BeforeFlip.limit


SOURCE = r"^((https://|ssh://|file:///|/)\S+|[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:[^\s/]\S*)$"
"""A URL, a path, or `git@host:owner/name.git`."""


class _Updater(Part):
    web: ServiceName
    worker: ServiceName
    ready: Seconds = Updater.ready


class _File(Part):
    project: Name
    repository: str = Field(pattern=f"^{REPOSITORY.pattern}$")
    repository_id: int | None = Field(None, gt=0)
    source: str | None = Field(None, pattern=SOURCE)
    directory: str = Field(pattern="^/")
    compose_file: Inside | None = None
    compose_files: list[Inside] = Field(default_factory=list)
    env_files: list[Inside] = Field(default_factory=list)
    profiles: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=lambda: list(Stack.profiles))
    variables: dict[VariableName, ReleaseValue] = Field(default_factory=dict)
    allow_unset: list[VariableName] = Field(default_factory=list)
    files: FilesPart = Field(default_factory=FilesPart)
    channel: Channel = Channel.STABLE
    tags: TagsPart = Field(default_factory=default_tags)
    supersede: Supersede = Supersede.BEFORE_FLIP
    resume: Resume = Resume.BY_PERSON
    traefik: TraefikPart
    routed: dict[Name, RoutedPart] = Field(min_length=1)
    singletons: dict[Name, _Singleton] = Field(default_factory=dict)
    followers: dict[Name, _Uncolored] = Field(default_factory=dict)
    retired: list[ServiceName] = Field(default_factory=list)
    before_flip: list[_BeforeFlip] = Field(default_factory=list, max_length=20)
    times: TimesPart = Field(default_factory=TimesPart)
    checks: ChecksPart = Field(default_factory=ChecksPart)
    needs: NeedsPart = Field(default_factory=NeedsPart)
    keep: KeepPart = Field(default_factory=KeepPart)
    policy: PolicyPart = Field(default_factory=PolicyPart)
    github: GitHubPart = Field(default_factory=GitHubPart)
    public_url: PublicUrl | None = None
    updater: _Updater | None = None
    engine: EngineKind = EngineKind.COMPOSE
    registry: Registry | None = None

    @model_validator(mode="after")
    def _names_agree(self, info: ValidationInfo) -> Self:
        found = [
            *self._engine(info.context or AVAILABLE),
            *self._release_files(),
            *self._routes(),
            *self._services_named_twice(),
        ]
        if found := [*found, *self._signers(), *self._unclear_names(), *self._retired_and_used()]:
            raise ValueError("\n".join(found))
        return self

    def _engine(self, available: Collection[EngineKind]) -> Iterator[str]:
        nodes = {name: each.node for name, each in self.singletons.items() if each.node is not None}
        has = {"in_redis": self.traefik.redis is not None, "own_services": self.updater is not None}
        yield from engine_contradictions(self.engine, self.registry, nodes, available, **has)

    def _release_files(self) -> Iterator[str]:
        yield from contradictions(self.compose_file, self.compose_files, self.variables, self.files)

    def _routes(self) -> Iterator[str]:
        traefik = self.traefik.traefik()
        found = [problem for name, service in self.routed.items() for problem in service.problems(name, traefik)]
        found += equal_routes([place for name, service in self.routed.items() for place in service.places(name)])
        yield from found or hidden_routes(traefik, self.routed)

    def _signers(self) -> Iterator[str]:
        if problem := self.policy.inside(self.directory):
            yield problem

    def _unclear_names(self) -> Iterator[str]:
        for name in self.followers:
            if name in {*self.routed, *self.singletons}:
                yield f"followers/{name}: {name} is also in routed or singletons: give one of them another name"
        named = {*self.routed, *self.singletons, *self.followers}
        colors = {service: name for name, s in self.routed.items() for service in s.colors.values()}
        made = {s.made_from: name for name, s in self.routed.items() if s.made_from}
        own = (self.updater.web, self.updater.worker) if self.updater else ()
        for n, service in enumerate(c.service for c in self.before_flip):
            if service in colors and service not in named:
                yield f"before_flip/{n}/service: {service} is one color of {colors[service]}: write {colors[service]}"
            if service in made and service not in named:
                yield f"before_flip/{n}/service: both colors of {made[service]} are made from it: write {made[service]}"
            if service in own and service not in named:
                yield f"before_flip/{n}/service: {service} is the updater's own service: it cannot run before the flip"

    def _services_named_twice(self) -> Iterator[str]:
        seen: dict[str, str] = {}
        for path, service in self._places():
            if first := seen.get(service):
                yield f"{path}: {service} is already the service of {first}"
            seen.setdefault(service, path)

    def _places(self) -> Iterator[tuple[str, str]]:
        """Every path in the file whose value is a Compose service, with that service."""
        yield from ((f"routed/{n}/{key}", name) for n, s in self.routed.items() for key, name in s.compose_services())
        yield from ((f"singletons/{n}/service", s.service) for n, s in self.singletons.items())
        yield from ((f"followers/{n}/service", s.service) for n, s in self.followers.items())
        if own := self.updater:
            yield from (("updater/web", own.web), ("updater/worker", own.worker))

    def _retired_and_used(self) -> Iterator[str]:
        places = [*self._places(), *self._command_places()]
        for n, service in enumerate(self.retired):
            if service in self.retired[:n]:
                yield f"retired/{n}: {service} is listed twice"
            if used := ", ".join(path for path, name in places if name == service):
                never = "A retired service never runs: list it in one place only"
                yield f"retired/{n}: {service} is also used by {used}. {never}"

    def _command_places(self) -> Iterator[tuple[str, str]]:
        services = {name: tuple(service for _, service in s.compose_services()) for name, s in self.routed.items()}
        for n, command in enumerate(self.before_flip):
            single = self.singletons.get(command.service) or self.followers.get(command.service)
            runs_in = (single.service,) if single else services.get(command.service, (command.service,))
            yield from ((f"before_flip/{n}/service", service) for service in runs_in)


def load_stack(path: Path, *, repository: str | None = None) -> Stack:
    """The stack in the file at `path`; `repository` (AUTO_UPDATE_REPO) overrides the file's own.

    Raises StackInvalid with every problem of the file, each as `path/in/the/file: problem`.
    """
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StackInvalid(f"{path} cannot be read ({error})") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an impossible date
        raise StackInvalid(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise StackInvalid(f"{path} should be a mapping with the keys {', '.join(_File.model_fields)}")
    return parse_stack(content, name=str(path), repository=repository)


def parse_stack(
    content: Mapping[str, Any],
    *,
    name: str = "stack.yml",
    repository: str | None = None,
    engines: Collection[EngineKind] = AVAILABLE,
) -> Stack:
    """The stack in the loaded YAML `content`. Raises StackInvalid, like load_stack, also if it needs another engine."""
    try:
        return _stack(_File.model_validate(content, context=engines), repository)
    except ValidationError as error:
        raise StackInvalid("\n  ".join([f"{name}:", *problems(error, content)])) from None


def _stack(file: _File, repository: str | None) -> Stack:
    wanted = repository or file.repository
    return Stack(
        project=file.project,
        repository=wanted,
        source=file.source or f"https://github.com/{wanted}.git",
        directory=file.directory,
        compose_files=tuple(file.compose_files) or (file.compose_file or Stack.compose_files[0],),
        env_files=tuple(file.env_files),
        profiles=tuple(file.profiles),
        variables=file.variables,
        allow_unset=frozenset(file.allow_unset),
        files=file.files.rules(),
        channel=file.channel,
        tags=file.tags.rule(),
        supersede=file.supersede,
        resume=file.resume,
        traefik=file.traefik.traefik(),
        routed=tuple(s.service(name) for name, s in file.routed.items()),
        singletons=tuple(Singleton(name, s.service, s.node) for name, s in file.singletons.items()),
        followers=tuple(Follower(name, s.service) for name, s in file.followers.items()),
        retired=tuple(file.retired),
        before_flip=tuple(BeforeFlip(c.service, tuple(c.command or ()), c.limit) for c in file.before_flip),
        times=Times(**file.times.model_dump()),
        checks=Checks(**file.checks.model_dump()),
        needs=Needs(**file.needs.model_dump()),
        keep=Keep(**file.keep.model_dump()),
        policy=file.policy.policy(),
        github=file.github.github(file.public_url),
        updater=Updater(**file.updater.model_dump()) if file.updater else None,
        repository_id=file.repository_id,
        public_url=file.public_url,
        engine=file.engine,
        registry=file.registry,
    )
