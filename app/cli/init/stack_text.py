"""A proposal as the text of a stack file, commented as the example is. Pure."""

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from textwrap import indent

from app.cli.init.answers import NO_ANSWERS, Answers
from app.cli.init.example.settings import Example, comment
from app.cli.init.project.compose_file import Project
from app.cli.init.proposal import Proposal
from app.cli.init.text.moved_services import followers_text, jobs_text, routed_text, singletons_text
from app.cli.init.text.yaml_values import flow, one_line, scalar, text_of
from app.domain.stack import Checks, EngineKind, FileRules, GitHub, Keep, Needs, Stack, Times, Traefik, Updater

SOURCE = "https://github.com/owner/name.git"
"""Shows what `source` may be, in a comment."""


def stack_text(proposal: Proposal, example: Example, answers: Answers = NO_ANSWERS) -> str:
    """The whole file: paragraphs with an empty line between them."""
    paragraphs = [
        _head(proposal, example),
        *_release(proposal, example, answers),
        *(part(proposal, example) for part in (_traefik, _routed, _singletons, _followers, _retired, _updater)),
        *filter(None, [jobs_text(proposal.uncolored.jobs, example)]),
        *_limits(proposal, example),
    ]
    return "\n".join(paragraphs)


def _head(proposal: Proposal, example: Example) -> str:
    first, *more = example.head
    file = one_line(proposal.project.file)
    written = f"Written by `updater init` from {file}. Answer each QUESTION, then delete its mark."
    return comment((first, written, *more))


def _release(proposal: Proposal, example: Example, answers: Answers) -> Iterator[str]:
    project = proposal.project
    yield example.lines("project", scalar(proposal.name))
    yield example.lines("repository", scalar(proposal.repository) + _mark(proposal, "repository"))
    yield example.lines("repository_id", example.settings["repository_id"].value, active=False)
    yield example.lines("source", SOURCE, active=False)
    yield example.lines("directory", scalar(str(project.live)))
    yield example.lines("compose_files", flow((project.file, *project.more)))
    yield _env_files(project, example)
    yield example.lines("profiles", example.settings["profiles"].value, active=False)
    yield example.lines("engine", example.settings["engine"].value, active=answers.engine is EngineKind.SWARM)
    registry = scalar(answers.registry) if answers.registry else example.settings["registry"].value
    yield example.lines("registry", registry, active=answers.registry is not None)
    yield _variables(proposal, example)
    yield example.lines("allow_unset", example.settings["allow_unset"].value, active=False)
    rules = {f"files/{field.name}": "false" if field.default is False else "[]" for field in fields(FileRules)}
    yield example.lines("files", active=False) + "".join(example.lines(*r, active=False) for r in rules.items())
    yield example.lines("channel", text_of(Stack.channel))
    yield example.lines("tags", text_of(Stack.tags.pattern))
    for key in ("supersede", "resume"):
        yield example.lines(key, text_of(getattr(Stack, key)))


def _env_files(project: Project, example: Example) -> str:
    """Compose reads the .env beside the first file; the updater that of the live directory, unless another is named."""
    beside = project.directory.relative_to(project.live) / ".env"
    if project.directory == project.live or not (project.live / beside).is_file():
        return example.lines("env_files", example.settings["env_files"].value, active=False)
    return example.lines("env_files", flow([str(beside)]))


def _variables(proposal: Proposal, example: Example) -> str:
    if not proposal.variables:
        return example.lines("variables", example.settings["variables"].value, active=False)
    lines = [f"  {each.name}: {each.value}{_mark(proposal, f'variables/{each.name}')}\n" for each in proposal.variables]
    return example.lines("variables") + "".join(lines)


def _traefik(proposal: Proposal, example: Example) -> str:
    lines = [example.lines("traefik"), example.lines("traefik/entrypoints")]
    for name, url in proposal.traefik.entrypoints.items():
        lines.append(f"    {scalar(name)}: {scalar(url)}{_mark(proposal, f'traefik/entrypoints/{name}')}\n")
    lines.append(
        example.lines("traefik/metrics", scalar(proposal.traefik.metrics), active=proposal.traefik.has_metrics)
    )
    lines.append(example.lines("traefik/rollout_header", text_of(Traefik.rollout_header)))
    lines.append(example.lines("traefik/backend_idle", text_of(Traefik.backend_idle)))
    return "".join(lines)


def _routed(proposal: Proposal, example: Example) -> str:
    return routed_text(proposal.routed, example, partial(_mark, proposal))


def _singletons(proposal: Proposal, example: Example) -> str:
    return singletons_text(proposal.uncolored.singletons, example, partial(_mark, proposal))


def _followers(proposal: Proposal, example: Example) -> str:
    return followers_text(proposal.uncolored.followers, example, partial(_mark, proposal))


def _retired(proposal: Proposal, example: Example) -> str:
    if not proposal.retired:
        return example.lines("retired", example.settings["retired"].value, active=False)
    return example.lines("retired", flow(proposal.retired))


def _updater(proposal: Proposal, example: Example) -> str:
    web, worker = map(scalar, proposal.updater or ("updater", "updater-worker"))
    values = {"web": web, "worker": worker, "ready": text_of(Updater.ready)}
    keys = "".join(example.lines(f"updater/{key}", value) for key, value in values.items())
    if proposal.updater:
        return example.lines("updater") + keys
    return example.lines("updater", active=False) + indent(keys, "# ")


def _limits(proposal: Proposal, example: Example) -> Iterator[str]:
    """The parts that a project says nothing of, but for the longest `stop_grace_period`: the defaults."""
    yield _part(example, "times", Times(stop_grace=proposal.stop_grace))
    yield _part(example, "checks", Checks())
    yield _part(example, "needs", Needs())
    yield example.lines("public_url", example.settings["public_url"].value, active=False)
    yield _part(example, "github", GitHub())
    yield _part(example, "keep", Keep())


def _part(example: Example, name: str, values: Times | Checks | Needs | GitHub | Keep) -> str:
    keys = [(f"{name}/{field.name}", getattr(values, field.name)) for field in fields(values)]
    return example.lines(name) + "".join(_key(example, path, value) for path, value in keys)


def _key(example: Example, path: str, value: object) -> str:
    """The default `value`; where there is none, the example's as a comment."""
    if value is None:
        return example.lines(path, example.settings[path].value, active=False)
    return example.lines(path, text_of(value))


def _mark(proposal: Proposal, *paths: str) -> str:
    """A comment behind a value that a person has to look at, on its line whatever the sources have in their names."""
    questions = [proposal.notes.questions[path] for path in paths if path in proposal.notes.questions]
    return f" # QUESTION: {one_line('; '.join(questions))}" if questions else ""
