"""Base classes of the internal listener's models.

Each request and response is defined once, below `app/api/`. The worker and the web process fill the models, the web
process generates the OpenAPI document from them, and the command line reads them.
"""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

Json = dict[str, Any]


class RequestModel(BaseModel):
    """The body of a request: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class CompatRequest(RequestModel):
    """The body of a call by the old sidecar's clients: unknown fields are ignored, and null counts as not given."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": True})

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given


class QueryModel(BaseModel):
    """A query string: unknown parameters are ignored."""

    model_config = ConfigDict(extra="ignore", defer_build=True)


class ResponseModel(BaseModel):
    """The body of an answer.

    The writer sends every field. A reader accepts unknown fields and uses the default of a missing one, because the
    other process may run another version.
    """

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        populate_by_name=True,
        json_schema_serialization_defaults_required=True,
        defer_build=True,
    )

    @classmethod
    def as_far_as_readable(cls, content: Json) -> tuple[Self, tuple[str, ...]]:
        """The model of what another version stored, and the names of its unreadable fields, which get their defaults.

        Only for a model whose fields all have defaults.
        """
        try:
            return cls.model_validate(content), ()
        except ValidationError as error:
            unreadable = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        rest = {name: value for name, value in content.items() if name not in unreadable}
        return cls.model_validate(rest), tuple(sorted(unreadable))

    def as_json(self) -> Json:
        """Every field, as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    def as_received(self) -> Json:
        """Only the fields that were set, as plain JSON values. For a received model: what the other process sent."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def iso(at: datetime | None) -> str | None:
    """`at` in ISO 8601."""
    return at.isoformat() if at else None


def time_in(text: str | None) -> datetime | None:
    """The time in an answer or a stored value, in UTC if it has no zone; None if `text` is no time in ISO 8601."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
