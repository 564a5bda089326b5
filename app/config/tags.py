"""The `tags` part of `stack.yml`: which tags are releases of the stack, and by what they are ordered."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.config.part import Part
from app.domain.tags import TagOrder, TagRule


class _Tags(Part):
    pattern: str = Field(min_length=1, max_length=100)
    order: TagOrder = TagRule.order

    def rule(self) -> TagRule:
        return TagRule(self.pattern, self.order)


def _pattern_alone(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise ValueError('should be a pattern such as "v*", or {pattern: "v*", order: version}')  # noqa: TRY004 - pydantic
    return {"pattern": value} if isinstance(value, str) else value


TagsPart = Annotated[_Tags, BeforeValidator(_pattern_alone)]
"""A mapping, or only the pattern."""


def default_tags() -> _Tags:
    return _Tags(pattern=TagRule.pattern)
