"""One text for one value, whichever side it comes from: PostgreSQL's output and ClickHouse's differ in spelling only."""

import ipaddress
import json
import struct
from decimal import Context, Decimal, InvalidOperation

# More digits than any numeric has: a context of fewer would round, and hide what it rounds away.
_EVERY_DIGIT = Context(prec=200_000)

_FLOAT_WORDS = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity",
                "infinity": "Infinity", "-infinity": "-Infinity"}


def _bool(text: str) -> str:
    return {"t": "true", "f": "false"}.get(text, text)


def _float(text: str, form: str) -> str:
    if word := _FLOAT_WORDS.get(text.lower()):
        return word
    value = struct.unpack(form, struct.pack(form, float(text)))[0]
    return repr(value)


def _numeric(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return format(value.normalize(_EVERY_DIGIT), "f") if value.is_finite() else _FLOAT_WORDS[text.lower()]


def _moment(text: str) -> str:
    """Fractions of a second without trailing zeros, and UTC without its name."""
    text = text.removesuffix("+00")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _json_number(text: str) -> str:
    return _numeric(text) if Decimal(text) else "0"


def _paths(value, prefix: str, into: dict) -> None:
    for key, member in value.items():
        if isinstance(member, dict):
            _paths(member, f"{prefix}{key}.", into)
        elif member is not None:
            into[prefix + key] = [_json_value(one) for one in member] if isinstance(member, list) else member


def _json_value(value):
    if isinstance(value, dict):
        paths: dict = {}
        _paths(value, "", paths)
        return paths
    return [_json_value(one) for one in value] if isinstance(value, list) else value


def _json(text: str) -> str:
    """As ClickHouse's JSON sees it: paths and their values, without NULLs and without empty objects."""
    value = json.loads(text, parse_int=_json_number, parse_float=_json_number)
    return json.dumps(_json_value(value), sort_keys=True, ensure_ascii=False)


def _ipv6(text: str) -> str:
    """ClickHouse's IPv6 holds an IPv4 address as a mapped one."""
    address = ipaddress.ip_address(text.split("/")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


_RULES = {
    "boolean": _bool,
    "real": lambda text: _float(text, "<f"),
    "double precision": lambda text: _float(text, "<d"),
    "numeric": _numeric,
    "time without time zone": _moment,
    "timestamp without time zone": _moment,
    "timestamp with time zone": _moment,
    "bytea": lambda text: text.removeprefix("\\x").upper(),
}
# Where the target's type, rather than the source's, decides how a value is spelled.
_TARGET_RULES = {
    "JSON": _json,
    "IPv4": lambda text: text.removesuffix("/32"),
    "IPv6": _ipv6,
}


def canonical(text: str | None, type_name: str, target_type: str = "") -> str | None:
    """`type_name` is the base type without modifier, as format_type spells it."""
    rule = _TARGET_RULES.get(target_type.removeprefix("Nullable(").removesuffix(")")) or _RULES.get(type_name)
    return text if text is None or rule is None else rule(text)


def canonical_array(text: str | None, element_type: str) -> str | None:
    """`text` is a JSON array of the elements' texts, or a JSON string for an array that arrives as its text."""
    if text is None:
        return None
    if text.startswith('"'):
        return json.dumps(json.loads(text), ensure_ascii=False)
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
