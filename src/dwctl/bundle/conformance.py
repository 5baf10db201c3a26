"""A document against a JSON Schema: what does not fit, best match first.

The findings are warnings: the importer reads much that the schema does not expect. A finding names a place, a
type and a constraint, never a value of the document, which is business data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from dwctl.bundle.canonical import JsonValue
from dwctl.bundle.findings import Finding, Severity
from dwctl.bundle.kinds import KINDS, kind_of

if TYPE_CHECKING:
    from jsonschema import ValidationError

RULE = "schema.violation"
LIMIT = 10_000
"""How many problems of one document are told apart; a last finding says that there are more."""

_LISTED = 8  # so many allowed values are named, more are counted
_DETAIL = 160  # characters of a constraint that are shown


def schema_findings(value: JsonValue, schema: Mapping[str, Any], *, limit: int = LIMIT) -> Iterator[Finding]:
    """Yield what keeps a decoded document from matching a schema of draft 2020-12.

    Problems near the top of the document come first, then the order of the schema. Facts: `problem`, a short
    sentence, and `keyword`, the schema's keyword that failed (None for the finding that says there are more).
    References to other documents are not followed, so nothing is fetched.
    """
    errors = [_most_telling(error) for error in islice(_validator(schema).iter_errors(value), limit + 1)]
    for error in sorted(errors[:limit], key=lambda error: len(error.absolute_path)):
        yield _finding(_path(error), _problem(error), str(error.validator))
    if len(errors) > limit:
        yield _finding("$", f"more than {limit} problems; the rest is not listed", None)


def _finding(path: str, problem: str, keyword: str | None) -> Finding:
    return Finding(RULE, Severity.WARNING, path, {"problem": problem, "keyword": keyword})


def _validator(schema: Mapping[str, Any]) -> Any:
    from referencing import Registry

    return _validator_class()(schema, registry=Registry())


@lru_cache(maxsize=1)
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    return extend(Draft202012Validator, {"required": _required})  # type: ignore[no-untyped-call]


def _required(_: Any, names: Sequence[str], instance: JsonValue, __: Any) -> Iterator[ValidationError]:
    """As jsonschema's own, but the message is the missing key alone, so that a path can be made of it."""
    from jsonschema import ValidationError

    if isinstance(instance, dict):
        for name in names:
            if name not in instance:
                yield ValidationError(name)


def _most_telling(error: ValidationError) -> ValidationError:
    """The error itself, or the alternative of an `anyOf` or `oneOf` that came closest."""
    from jsonschema.exceptions import best_match

    return best_match([error]) if error.context else error


def _path(error: ValidationError) -> str:
    missing = [error.message] if error.validator == "required" else []
    return ".".join(str(step) for step in (*error.absolute_path, *missing)) or "$"


def _problem(error: ValidationError) -> str:
    sentence = _SENTENCES.get(str(error.validator))
    if sentence is None:
        return f"does not satisfy `{error.validator}`"
    wanted: Any = error.validator_value
    if error.validator == "pattern" and isinstance(error.schema, Mapping):
        wanted = error.schema.get("description", wanted)
    return sentence(wanted, kind_of(error.instance))


def _wrong_type(wanted: str | Sequence[str], found: str) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    return f"{found} stands where {' or '.join(KINDS[name] for name in names)} belongs"


def _not_allowed(wanted: Sequence[object], found: str) -> str:
    if len(wanted) > _LISTED:
        return f"{found} that is none of the {len(wanted)} known values"
    return f"{found} that is none of {', '.join(_shown(value) for value in wanted)}"


def _too_many(wanted: int, _: str) -> str:
    return f"a list of more than {wanted} items" if wanted else "a list with items stands where a map belongs"


def _too_short(wanted: int, _: str) -> str:
    return "empty text" if wanted == 1 else f"text of fewer than {wanted} characters"


_SENTENCES: dict[str, Callable[[Any, str], str]] = {
    "type": _wrong_type,
    "required": lambda wanted, found: "is missing",
    "enum": _not_allowed,
    "const": lambda wanted, found: f"{found} other than {_shown(wanted)}",
    "pattern": lambda wanted, found: f"text of another form than expected: {_shortened(wanted).rstrip('.')}",
    "minimum": lambda wanted, found: f"a number below {wanted}",
    "maximum": lambda wanted, found: f"a number above {wanted}",
    "minLength": _too_short,
    "maxLength": lambda wanted, found: f"text of more than {wanted} characters",
    "minItems": lambda wanted, found: f"a list of fewer than {wanted} items",
    "maxItems": _too_many,
    "anyOf": lambda wanted, found: f"{found} that has none of the shapes allowed here",
    "oneOf": lambda wanted, found: f"{found} that has not exactly one of the shapes allowed here",
    "not": lambda wanted, found: f"{found} of a shape that is not allowed here",
    "additionalProperties": lambda wanted, found: "holds a key that is not allowed here",
}


def _shown(value: object) -> str:
    """A value of the schema."""
    return _shortened(json.dumps(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _DETAIL else text[: _DETAIL - 1] + "…"
