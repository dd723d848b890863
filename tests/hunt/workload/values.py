"""Types, and literals of them. Only values that the target can hold: what it refuses has its own two-sided scripts."""

from random import Random

# What the statements below need; run before anything else.
PRELUDE = [
    "CREATE SCHEMA sales",
    "CREATE SCHEMA other",
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s great')",
    "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
    "CREATE DOMAIN price AS numeric(10,2)",
    "CREATE TYPE pair AS (a int, b text)",
]

WIDE_CHARACTERS = 20_480
ODD_TEXTS = ["''", "' '", "E'tab\\tline\\nquote\\'back\\\\slash'", "'\\N'", "'Ünï漢字🦜'", "'NULL'", "'{a,b}'",
             "E'\\x01\\x7f'", "repeat('long ', 100)", "'a,b\"c'"]
WORDS = ["'red'", "'green'", "'blue'", "'x'"]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def one_of(*choices: str):
    return lambda rng: rng.choice(choices)


def _text(rng: Random) -> str:
    return rng.choice(ODD_TEXTS) if rng.random() < 0.3 else rng.choice(WORDS)


def _digits(rng: Random, whole: int, fraction: int) -> str:
    sign = rng.choice(["", "-"])
    return f"{sign}{rng.randrange(10 ** rng.randint(1, whole))}.{rng.randrange(10 ** fraction):0{fraction}d}"


def _numeric(rng: Random) -> str:
    return rng.choice(["0", "1.0", "1.00", "-0.5", "1e20", "0.000000000000000000001", "'NaN'", _digits(rng, 20, 12)])


def _day(rng: Random) -> str:
    return f"{rng.randint(1900, 2299)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _clock(rng: Random) -> str:
    second = rng.choice(["00", "59.999999", "30.5", "07.000001"])
    return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{second}"


def _uuid(rng: Random) -> str:
    text = f"{rng.getrandbits(128):032x}"
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def wide(rng: Random) -> str:
    """20 KB that do not compress, in a short literal: the server makes them from a number."""
    return (f"(SELECT string_agg(md5('{rng.randrange(10**9)}-' || i), '' ORDER BY i) "
            f"FROM generate_series(1, {WIDE_CHARACTERS // 32}) i)")


def _array(element, literal_type: str):
    def make(rng: Random) -> str:
        shown = [("NULL" if rng.random() < 0.2 else element(rng)) for _ in range(rng.randint(0, 4))]
        return f"ARRAY[{', '.join(shown)}]::{literal_type}"
    return make


def _whole(bits: int):
    limit = 2 ** (bits - 1)

    def make(rng: Random) -> str:
        some = [0, 1, -1, limit - 1, -limit + 1, rng.randint(-1000, 1000), rng.randint(-limit + 1, limit - 1)]
        return str(rng.choice(some))
    return make


INT = _whole(32)
_float = one_of("0", "-0.0", "0.1", "1e-40", "16777217", "'NaN'", "'Infinity'", "'-Infinity'", "3.5")
_json = one_of("'{\"a\": 1,  \"a\": 2}'", "'[1, 2.50, null]'", "'null'", "'\"x\\u00e9\"'",
               "'{\"k\": {\"n\": 1e3}}'", "'{}'")

# Declared type → a literal of it.
LITERALS = {
    "smallint": _whole(16),
    "integer": INT,
    "bigint": _whole(64),
    "real": _float,
    "double precision": lambda rng: rng.choice([_float(rng), "9007199254740993", "5e-324", "1.7976931348623157e308"]),
    "numeric(12,3)": lambda rng: _digits(rng, 9, 3),
    "numeric(40,20)": lambda rng: _digits(rng, 20, 20),
    "numeric(10,2)": lambda rng: _digits(rng, 7, 2),
    "numeric": _numeric,
    "boolean": one_of("true", "false"),
    "text": _text,
    'text COLLATE "C"': _text,
    "varchar(600)": _text,
    "char(6)": one_of("''", "'ab'", "'sixsix'", "'äö'"),
    "char(12)": one_of("'twelve'", "''"),
    "bytea": lambda rng: quoted("\\x" + bytes(rng.getrandbits(8) for _ in range(rng.randint(0, 12))).hex()),
    "json": _json,
    "jsonb": _json,
    "uuid": lambda rng: quoted(_uuid(rng)),
    "date": lambda rng: quoted(_day(rng)),
    "timestamp": lambda rng: quoted(f"{_day(rng)} {_clock(rng)}"),
    "timestamptz": lambda rng: quoted(f"{_day(rng)} {_clock(rng)}+00"),
    "time": lambda rng: rng.choice([quoted(_clock(rng)), "'24:00:00'"]),
    "timetz": lambda rng: quoted(_clock(rng) + rng.choice(["+00", "+02", "-05:30"])),
    "interval": one_of("'1 year 2 mons 3 days 04:05:06.789'", "'-1 days'", "'0'", "'-00:00:01'", "'100 years'"),
    "inet": one_of("'10.0.0.1'", "'10.0.0.1/8'", "'::1'", "'fe80::1/64'"),
    "cidr": one_of("'10.0.0.0/8'", "'fe80::/10'"),
    "macaddr": one_of("'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'"),
    "mood": one_of("'sad'", "'ok'", "'it''s great'"),
    "positive": one_of("1", "2147483647", "7"),
    "price": lambda rng: _digits(rng, 7, 2),
    "money": one_of("12.34", "-1", "0"),
    "point": one_of("'(1.5,-2)'", "'(1e-300,1e300)'"),
    "int4range": one_of("'[1,10)'", "'empty'", "'(,5)'"),
    "bit varying(20)": one_of("B''", "B'101'", "B'11111111111111111111'"),
    "tsvector": one_of("'a fat cat:3'", "''"),
    "pair": one_of("ROW(1, 'x, y')::pair", "ROW(NULL, '')::pair"),
    "integer[]": _array(INT, "integer[]"),
    "text[]": _array(_text, "text[]"),
    "bytea[]": _array(one_of("'\\x00ff'", "'\\x'"), "bytea[]"),
    "boolean[]": _array(one_of("true", "false"), "boolean[]"),
    "numeric(8,2)[]": _array(lambda rng: _digits(rng, 5, 2), "numeric(8,2)[]"),
    "timestamptz[]": _array(one_of("'1999-12-31 23:59:59.5+00'", "'2024-02-29 00:00:00+00'"), "timestamptz[]"),
    "mood[]": _array(one_of("'sad'", "'ok'"), "mood[]"),
    "inet[]": _array(one_of("'10.0.0.1'", "'::1'"), "inet[]"),
}

WIDE_TYPES = ["text", "bytea", "jsonb"]


def literal(rng: Random, declared: str) -> str:
    return LITERALS[declared](rng)


def wide_literal(rng: Random, declared: str) -> str:
    """A value of one of WIDE_TYPES that is stored out of line."""
    if declared == "bytea":
        return f"decode({wide(rng)}, 'hex')"
    if declared == "jsonb":
        return f"jsonb_build_object('w', {wide(rng)})"
    return wide(rng)
