"""Values drawn from a JSON schema: those that fit, and those that nearly do."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

Schema = Mapping[str, Any]

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["5", "US", "us", "none", "\u0665", "US\n", "+14155550142\n", "5.00 USD", 5.0]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


def fitting(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that fit a schema of the few forms that ours have."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    if isinstance(schema.get("type"), list):
        return st.one_of([fitting({**schema, "type": kind}) for kind in schema["type"]])
    match schema["type"]:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "string":
            return _texts(schema)
        case "array":
            return st.lists(
                fitting(schema["items"]),
                min_size=schema.get("minItems", 0),
                max_size=min(schema.get("maxItems", 2), schema.get("minItems", 0) + 1),
                unique=schema.get("uniqueItems", False),
            )
    return _objects(schema)


@cache
def matching(pattern: str) -> st.SearchStrategy[str]:
    """Texts that a pattern of ECMA's matches; built once, since that takes longer than drawing."""
    return st.from_regex(ecma(pattern), fullmatch=True)


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        return matching(schema["pattern"])
    return st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 20))


def _objects(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    if "patternProperties" in schema:
        [(pattern, value)] = schema["patternProperties"].items()
        keys = matching(pattern).filter(is_not_ours)
        return st.dictionaries(keys, fitting(value), max_size=3)
    if "properties" not in schema:
        value = schema.get("additionalProperties", {"type": "string"})
        values = ANYTHING if value is True else fitting(value)
        return st.dictionaries(st.text(max_size=8), values, max_size=3)
    required = set(schema.get("required", ()))
    fields = {name: fitting(inner) for name, inner in schema["properties"].items()}
    return st.fixed_dictionaries(
        {name: strategy for name, strategy in fields.items() if name in required},
        optional={name: strategy for name, strategy in fields.items() if name not in required},
    )


def is_not_ours(key: str) -> bool:
    return not key.startswith("ringfence")


@st.composite
def nearly_fitting(draw: st.DrawFn, schema: Schema) -> Any:
    """Arguments that fit, with up to two things done to them that may break the schema."""
    arguments = dict(draw(fitting(schema)))
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(sorted(schema["properties"])))
        match draw(st.sampled_from(["bend", "bend", "replace", "drop", "null", "add"])):
            case "replace":
                arguments[name] = draw(ANYTHING)
            case "drop":
                arguments.pop(name, None)
            case "null":
                arguments[name] = None
            case "add":
                arguments[draw(st.sampled_from(["confirm", f"{name}s", "", "ringfence"]))] = True
            case "bend":
                arguments[name] = bent(draw(fitting(schema["properties"][name])))
    return arguments


def bent(value: Any) -> Any:
    """The same value with one small thing wrong with it, or too much of it."""
    match value:
        case str():
            return f"{value}\n"
        case bool():
            return str(value)
        case int():
            return float(value)
        case list():
            return [*value, *value]
        case dict():
            return {**value, "ringfence.tag": "x"}
    return value


def ecma(pattern: str) -> str:
    r"""A pattern for Python's `re` as ECMA reads it: `$` is the very end, `\Z` here."""
    return re.sub(r"\$$", r"\\Z", pattern)


def for_python(schema: Any) -> Any:
    """The same schema with its patterns written for Python's `re`."""
    if isinstance(schema, list):
        return [for_python(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    written = {key: for_python(value) for key, value in schema.items()}
    if isinstance(schema.get("pattern"), str):
        written["pattern"] = ecma(schema["pattern"])
    if "patternProperties" in schema:
        named = written["patternProperties"]
        written["patternProperties"] = {ecma(pattern): value for pattern, value in named.items()}
    return written


def _is_whole(_checker: Any, instance: Any) -> bool:
    return type(instance) is int  # on purpose: we refuse 5.0, which JSON Schema calls an integer


_Validator = extend(  # type: ignore[no-untyped-call]  # jsonschema's stubs leave it so
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole),
)


def accepts(schema: Schema, value: Any) -> bool:
    """Whether a value fits a schema, with patterns read as ECMA does and 5.0 no integer."""
    return bool(_Validator(for_python(schema)).is_valid(value))
