"""The content of the state file: JSON with a checksum."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from app.domain.state import SCHEMA, State
from app.domain.step import step_named
from app.lazy_adapter import LazyAdapter

_STATE = LazyAdapter(State)


class LaterSchema(ValueError):
    """The file is valid, but its schema is later than this version's."""


def encode(state: State) -> bytes:
    """Encodes `state` as JSON, with a checksum over all other fields."""
    fields: dict[str, Any] = _STATE.built.dump_python(state, mode="json")
    for step, record in zip(_steps(fields), state.rollout.steps if state.rollout else (), strict=True):
        step["name"] = record.name  # version 0.1.0 reads only this field of a step
    return json.dumps({**fields, "checksum": _checksum(fields)}, indent=1).encode()


def decode(content: bytes) -> State:
    """Decodes the state. Raises ValueError if `content` is damaged, LaterSchema if its schema is later."""
    fields = _intact(content)
    schema = fields.get("schema", 0)
    if not isinstance(schema, int):
        raise ValueError("its schema is not a number")  # noqa: TRY004 - a damaged file, not a programming error
    if schema > SCHEMA:
        raise LaterSchema(f"its schema is {schema}, this version supports {SCHEMA}")
    try:
        for step in _steps(fields):
            step.setdefault("id", asdict(step_named(step.get("name", ""))))
        return _STATE.built.validate_python(fields)
    except ValidationError as error:
        raise ValueError(str(error)) from error


def is_intact(content: bytes) -> bool:
    """Whether a worker wrote it as it is, also one of a version whose state this version cannot read."""
    try:
        _intact(content)
    except ValueError:
        return False
    return True


def _intact(content: bytes) -> dict[str, Any]:
    """The fields without their checksum. Raises ValueError if it is wrong."""
    fields = json.loads(content)
    if not isinstance(fields, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - a damaged file, not a programming error
    checksum = fields.pop("checksum", None)
    if checksum != _checksum(fields):
        raise ValueError("its checksum is wrong")
    return fields


def _steps(fields: dict[str, Any]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = (fields.get("rollout") or {}).get("steps", [])
    return steps


def _checksum(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
