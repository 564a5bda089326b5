"""The OpenAPI document, made from the table of calls. https://spec.openapis.org/oas/v3.1.1.html"""

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from app.api.requests import ROLLOUT_ID
from app.auth.scope import Scope
from app.web.internal.access import GUARD_HEADER
from app.web.internal.call import Answer, Call
from app.web.internal.caller import COOKIE

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_SECURITY = {
    "secret": {"type": "apiKey", "in": "header", "name": "X-Updater-Secret"},
    "token": {"type": "http", "scheme": "bearer", "description": "made by `updater token --scope read|operate`"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"made by POST /login; a POST with it needs the header {GUARD_HEADER} too",
    },
}


def document(calls: Sequence[Call]) -> Json:
    """The whole document for `calls`."""
    models = {model: None for call in calls for model in _models(call)}
    _, schemas = models_json_schema([*models], ref_template=_REF)
    paths: dict[str, Json] = {}
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "zetherion-updater", "version": "1", "description": "The internal listener."},
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": _SECURITY},
    }


def _models(call: Call) -> Iterator[tuple[type[BaseModel], JsonSchemaMode]]:
    yield from ((answer, "serialization") for answer in call.all_answers().values() if isinstance(answer, type))
    if call.body:
        yield call.body, "validation"


def _operation(call: Call) -> Json:
    operation: Json = {
        "operationId": f"{call.method.lower()}{re.sub(r'[^a-z]+', '_', call.path)}",
        "summary": call.says,
        "parameters": [*_path_parameters(call), *_query_parameters(call), *_header_parameters(call)],
        "responses": {str(status): _response(status, a) for status, a in sorted(call.all_answers().items())},
        "security": [{name: [str(call.scope)]} for name in _SECURITY] if call.scope else [],
    }
    if call.body:
        content = {"application/json": {"schema": _ref(call.body)}}
        operation["requestBody"] = {"required": not call.optional, "content": content}
    if notes := [*_notes(call)]:
        operation["description"] = " ".join(notes)
    return operation


def _notes(call: Call) -> Iterator[str]:
    if call.scope is Scope.OPERATE:
        yield "Needs the scope `operate`."
    if call.compat and call.body:
        yield "Fields of the body that are not listed here are ignored; the log names each of them once."
    elif call.compat:
        yield "The call needs no body and ignores one; the log names each of its fields once."


def _response(status: int, answer: Answer | None) -> Json:
    response: Json = {"description": HTTPStatus(status).phrase}
    if isinstance(answer, str):
        return {**response, "content": {answer: {"schema": {"type": "object" if "json" in answer else "string"}}}}
    return {**response, "content": {"application/json": {"schema": _ref(answer)}}} if answer else response


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": _REF.format(model=model.__name__)}


def _path_parameters(call: Call) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", call.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": ROLLOUT_ID}}


def _query_parameters(call: Call) -> Iterator[Json]:
    schema = call.query.model_json_schema() if call.query else {}
    for name, described in schema.get("properties", {}).items():
        required = name in schema.get("required", [])
        yield {"name": name, "in": "query", "required": required, "schema": _without_null(described)}


def _without_null(described: Json) -> Json:
    """The schema without null: a query string cannot have null; an optional parameter is omitted."""
    options = [o for o in described.get("anyOf", []) if o.get("type") != "null"]
    return options[0] if options else described


def _header_parameters(call: Call) -> Iterator[Json]:
    for name, says in call.headers.items():
        yield {"name": name, "in": "header", "required": False, "description": says, "schema": {"type": "string"}}
