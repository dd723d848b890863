"""One text for one value, whichever side it comes from: PostgreSQL's output and ClickHouse's differ in spelling only."""

import json
import struct
from decimal import Decimal, InvalidOperation

_FLOAT_WORDS = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity",
                "infinity": "Infinity", "-infinity": "-Infinity"}


def _bool(text: str) -> str:
    return {"t": "true", "f": "false"}.get(text, text)


def _float(text: str, form: str) -> str:
    if word := _FLOAT_WORDS.get(text.lower()):
        return word
    value = struct.unpack(form, struct.pack(form, float(text)))[0]
    return repr(value + 0.0)


def _numeric(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return format(value.normalize(), "f") if value.is_finite() else _FLOAT_WORDS[text.lower()]


def _moment(text: str) -> str:
    """Fractions of a second without trailing zeros, and UTC without its name."""
    text = text.removesuffix("+00")
    return text.rstrip("0").rstrip(".") if "." in text else text


_RULES = {
    "boolean": _bool,
    "real": lambda text: _float(text, "<f"),
    "double precision": lambda text: _float(text, "<d"),
    "numeric": _numeric,
    "timestamp without time zone": _moment,
    "timestamp with time zone": _moment,
    "time without time zone": _moment,
    "bytea": lambda text: text.removeprefix("\\x").upper(),
    # Blanks at the end of a char(n) have no meaning.
    "character": lambda text: text.rstrip(" "),
}


def canonical(text: str | None, type_name: str) -> str | None:
    """`type_name` is the base type without modifier, as format_type spells it."""
    rule = _RULES.get(type_name)
    return text if text is None or rule is None else rule(text)


def canonical_array(text: str | None, element_type: str) -> str | None:
    """`text` is a JSON array of the elements' texts, or a JSON string for an array that arrives as its text."""
    if text is None or text.startswith('"'):
        return text
    # PostgreSQL spells a bool inside an array as JSON would have it in a text array: "true".
    return json.dumps([canonical(element, element_type) for element in json.loads(text)], ensure_ascii=False)


_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}


def unescape(field: str) -> str | None:
    """A field of PostgreSQL's COPY text and of ClickHouse's TabSeparated, which escape alike; \\N is NULL."""
    if field == "\\N":
        return None
    if "\\" not in field:
        return field
    out, at = [], 0
    while at < len(field):
        if field[at] == "\\":
            at += 1
            out.append(_ESCAPES.get(field[at], field[at]))
        else:
            out.append(field[at])
        at += 1
    return "".join(out)
