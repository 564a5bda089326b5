"""Today's stack as a release has it: the release may be from before a change of the stack file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.domain.stack import Color, Follower, RoutedService, Singleton, Stack


@dataclass(frozen=True)
class Role:
    """What a Compose service was when its release was defined: a color of a routed service, or none (None).

    `name`: that of the routed service, singleton or follower, or the job's service; None if an earlier updater made
    the definition. `made_from`: the service of the release's files from which the updater made the color. `job`: it
    only ran before the flip. `single`: it was a singleton (True) or a follower (False); None if that is unknown, and of
    a color or a job.
    """

    color: Color | None
    name: str | None = None
    made_from: str | None = None
    job: bool = False
    single: bool | None = None

    def is_uncolored(self, name: str | None) -> bool:
        """Whether it was a singleton or a follower with that name; None: with an unknown name."""
        return self.color is None and not self.job and self.name == name


Roles = Mapping[str, Role]
"""The roles of the Compose services that a release moves, by service."""


def names_of(stack: Stack) -> dict[str, str]:
    """The name in the stack file of every Compose service that the updater replaces."""
    routed = {service: s.name for s in stack.routed for service in s.colors.values()}
    singletons, followers = {s.service: s.name for s in stack.singletons}, {f.service: f.name for f in stack.followers}
    return {**routed, **singletons, **followers, **{job: job for job in stack.jobs}}


def as_of(stack: Stack, roles: Roles) -> Stack:
    """`stack` with only what the release has, under the release's own names of Compose services. Without roles: all.

    A service is the same one if it has its name and its kind: routed, a job, or neither. What was a singleton still is
    one, and what was a follower too, whatever the stack file calls it now. Without known names, it is the same one if
    the stack file names the same Compose services. If only some of them are known, it may have been renamed: it stays
    as the stack file has it, so that its route stays, and what needs its definition is refused.
    """
    if not roles:
        return stack
    routed = tuple(found for each in stack.routed for found in _routed(each, stack, roles))
    moved: tuple[Singleton | Follower, ...] = (*stack.singletons, *stack.followers)
    uncolored = [found for each in moved for found in _uncolored(each, stack, roles)]
    singletons = tuple(each for each in uncolored if isinstance(each, Singleton))
    followers = tuple(each for each in uncolored if isinstance(each, Follower))
    part = stack
    if (routed, singletons, followers) != (stack.routed, stack.singletons, stack.followers):
        part = replace(stack, routed=routed, singletons=singletons, followers=followers)
    known = {*_names(part), *(service for service, role in roles.items() if role.job)}
    jobs = tuple(each for each in stack.before_flip if each.service in known)
    return part if jobs == stack.before_flip else replace(part, before_flip=jobs)


def brought_back(stack: Stack, roles: Roles) -> Stack:
    """As `as_of`, for a rollback to the release: what either it or the stack file calls a singleton is one.

    It must never run twice at once.
    """
    part, singles = as_of(stack, roles), {s.name: s for s in stack.singletons}
    changed = tuple(replace(singles[f.name], service=f.service) for f in part.followers if f.name in singles)
    followers = tuple(f for f in part.followers if f.name not in singles)
    return replace(part, singletons=(*part.singletons, *changed), followers=followers)


def lacking(stack: Stack, part: Stack) -> tuple[str, ...]:
    """The names of the routed services, singletons and followers of `stack` that `part`, made by `as_of`, lacks."""
    return tuple(name for name in _names(stack) if name not in _names(part))


def _names(stack: Stack) -> list[str]:
    """The routed services, singletons and followers, in the order of the stack file."""
    return [*(s.name for s in stack.routed), *(s.name for s in stack.singletons), *(f.name for f in stack.followers)]


def released_twice(stack: Stack, roles: Roles) -> list[str]:
    """The services of a release with these `roles` that may be one of the singletons of `stack`, which a hand-over to
    that singleton does not stop.

    They were routed under its name; or their name is unknown, and the release has no such singleton.
    """
    known = {role.name for role in roles.values() if role.color is None}
    new = {s.name for s in stack.singletons if s.name not in known and not _is_unnamed(roles.get(s.service), None)}
    moved = stack.moved_services()
    return [
        service
        for service, role in roles.items()
        if service not in moved and (role.name in new if role.name else bool(new) and role.color is None)
    ]


def _routed(service: RoutedService, stack: Stack, roles: Roles) -> Iterator[RoutedService]:
    named = {role.color: each for each, role in roles.items() if role.name == service.name and role.color}
    colors = {color: named[color] for color in Color if color in named}
    if len(colors) == len(Color):
        made_from = roles[colors[Color.BLUE]].made_from
        same = (colors, made_from) == (service.colors, service.made_from)
        yield service if same else replace(service, colors=colors, made_from=made_from)
    elif all(_is_unnamed(roles.get(name), color) for color, name in service.colors.items()) or any(
        role.color for role in _unclear(stack, roles)
    ):
        yield service


def _is_unnamed(role: Role | None, color: Color | None) -> bool:
    return role is not None and role.name is None and role.color is color and not role.job


def _uncolored(each: Singleton | Follower, stack: Stack, roles: Roles) -> Iterator[Singleton | Follower]:
    named = [service for service, role in roles.items() if role.is_uncolored(each.name)]
    if named or _is_unnamed(roles.get(each.service), None):
        service = named[0] if named else each.service
        single = roles[service].single
        kind = type(each) if single is None else Singleton if single else Follower
        yield replace(each, service=service) if isinstance(each, kind) else kind(each.name, service)
    elif any(not role.color for role in _unclear(stack, roles)):
        yield each


def _unclear(stack: Stack, roles: Roles) -> list[Role]:
    """The roles without a name of services that the stack file does not name any more."""
    today = stack.moved_services()
    return [role for service, role in roles.items() if role.name is None and service not in today]
