"""The schemas that are published: arguments in full and closed, results as a projection.

Arguments are described exactly as they are checked, without `$ref` and without null, since hosts
draw forms from them. Results are described down to `RESULT_DEPTH` only, and an intent in full only
in the first tool that returns one: every schema stands alone, and the list of all must stay small.
The models check the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from ringfence_tools.intent_result import IntentDocument
from ringfence_tools.operation import AnyOperation
from ringfence_tools.texts import only_listed

Schema = dict[str, Any]

RESULT_DEPTH = 2
"""Levels of objects that a result schema describes: the result, and what stands in it."""
INTENT_DEPTH = 3
"""One more for the intent, once: `lines[].error`."""
SHALLOW = 1

_LEFT_OUT_OF_RESULTS = frozenset(
    {
        "pattern",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "required",
        "default",
        "additionalProperties",
    }
)


def list_document(operations: Sequence[AnyOperation]) -> list[Schema]:
    """The entries of `tools/list` for the tools that a server lists, in wire form and in order."""
    listed = frozenset(operation.name for operation in operations)
    first = next((o.name for o in operations if returns_intent(o)), None)
    return [_entry(o, listed, has_whole_intent=o.name == first) for o in operations]


def _entry(operation: AnyOperation, listed: frozenset[str], *, has_whole_intent: bool) -> Schema:
    return {
        "name": operation.name,
        "title": operation.title,
        "description": only_listed(operation.description, listed, fallback=f"{operation.title}."),
        "inputSchema": input_schema(operation),
        "outputSchema": output_schema(operation, has_whole_intent=has_whole_intent),
        "annotations": {
            "readOnlyHint": operation.is_read_only,
            "destructiveHint": operation.is_destructive,
            "idempotentHint": operation.is_idempotent,
            "openWorldHint": operation.is_open_world,
        },
    }


def input_schema(operation: AnyOperation) -> Schema:
    """The closed schema of a tool's arguments; what it accepts is what `parse` accepts."""
    return _without_absent_defaults(full_schema(operation.arguments))


def output_schema(operation: AnyOperation, *, has_whole_intent: bool) -> Schema:
    """What is published of a tool's result: every valid result fits, and so does every refusal.

    A refusal fits because some clients check the structured content of errors too: `error` is
    named and nothing is required. (modelcontextprotocol/typescript-sdk issue 1943, read 2026-11.)
    """
    depth = RESULT_DEPTH
    if issubclass(operation.result, IntentDocument):
        depth = INTENT_DEPTH if has_whole_intent else SHALLOW
    schema = _projected(full_schema(operation.result), depth)
    schema["properties"]["error"] = {"type": "object"}
    schema["additionalProperties"] = False
    return schema


def returns_intent(operation: AnyOperation) -> bool:
    """Whether a tool's result is an intent, with its fields at the root."""
    return issubclass(operation.result, IntentDocument)


def full_schema(model: type[BaseModel]) -> Schema:
    """A model's whole JSON schema: references written out, without titles and docstrings."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    schema.pop("description", None)
    return _written_out(schema, definitions)


def _written_out(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        said = {key: value for key, value in node.items() if key != "$ref"}
        named = {key: value for key, value in target.items() if key != "description"}
        return _written_out({**named, **said}, definitions)
    plain = {
        key: _properties(value, definitions) if key == "properties" else _value(value, definitions)
        for key, value in node.items()
        if key != "title"
    }
    return _nullable(plain)


def _value(value: object, definitions: Mapping[str, Schema]) -> object:
    if isinstance(value, list):
        return [_value(item, definitions) for item in value]
    return _written_out(value, definitions) if isinstance(value, dict) else value


def _properties(properties: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    # Their keys are names, among which `title` would be one like any other.
    return {name: _written_out(schema, definitions) for name, schema in properties.items()}


def _nullable(node: Schema) -> Schema:
    """`anyOf` of one schema and null, said shorter: `type: [string, null]`."""
    arms = node.get("anyOf", [])
    kept = [arm for arm in arms if arm != {"type": "null"}]
    if len(kept) != 1 or len(arms) != 2 or not isinstance(kept[0].get("type"), str):
        return node
    folded = {**kept[0], "type": [kept[0]["type"], "null"]}
    if "enum" in folded:
        folded["enum"] = [*folded["enum"], None]
    return {**folded, **{k: v for k, v in node.items() if k != "anyOf"}}


def _without_null(node: Schema) -> Schema:
    """The same without its null arm."""
    enum = [value for value in node.get("enum", []) if value is not None]
    return {**node, "type": node["type"][0], **({"enum": enum} if enum else {})}


def _without_absent_defaults(node: Schema) -> Schema:
    """Leave out `default: null` and `default: []`: absent is absent."""
    properties = {
        name: {k: v for k, v in schema.items() if k != "default" or v not in (None, [])}
        for name, schema in node["properties"].items()
    }
    return {**node, "properties": properties}


def _projected(node: Schema, depth: int) -> Schema:
    """The same with less in it: no bounds, nothing closed, bare objects and lists below `depth`."""
    kept = {k: v for k, v in node.items() if k not in _LEFT_OUT_OF_RESULTS}
    if "default" in node:  # left out of the document rather than null
        kept = _without_null(kept)
    if "properties" in kept:
        if depth == 0:
            return {"type": kept["type"]}
        kept["properties"] = {n: _projected(s, depth - 1) for n, s in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _projected(kept["items"], depth)
    return kept
