#!/usr/bin/env python3
"""Records the fuzz corpora from a live PostgreSQL: tests/fuzz/record_corpus.py CONNINFO

The server needs wal_level = logical and a free slot, the role the right to use it. Everything happens in a schema of
its own that is dropped at the end. A file holds one pgoutput message, or one COPY stream behind the two bytes that the
copy_binary target reads first (columns and chunk size); it is named for what it shows.
"""

import pathlib
import subprocess
import sys

CORPUS = pathlib.Path(__file__).parent / "corpus"
SLOT = "echodb_record_corpus"
OPTIONS = f"'proto_version', '1', 'publication_names', '{SLOT}', 'binary', 'true', 'messages', 'true'"

SETUP = f"""
CREATE SCHEMA {SLOT};
CREATE TYPE mood AS ENUM ('calm', 'keen');
CREATE TABLE plain (id int PRIMARY KEY, name text, price numeric(10, 2), mood mood, tags text[]);
CREATE TABLE wide (id int PRIMARY KEY, large text, small int);
ALTER TABLE wide ALTER large SET STORAGE EXTERNAL;
CREATE TABLE bag (a int, b text);
ALTER TABLE bag REPLICA IDENTITY FULL;
CREATE TABLE large_key (id text PRIMARY KEY, v int);
CREATE PUBLICATION {SLOT} FOR ALL TABLES;
SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput');
"""

TEARDOWN = f"""
SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname = '{SLOT}';
SELECT pg_drop_replication_slot('{SLOT}');
DROP PUBLICATION {SLOT};
DROP SCHEMA {SLOT} CASCADE;
"""

# (file, statements, letter of the message to keep)
MESSAGES = [
    ("begin", "INSERT INTO bag VALUES (1, 'x')", "B"),
    ("commit", "INSERT INTO bag VALUES (2, 'x')", "C"),
    ("relation_with_key", "INSERT INTO plain VALUES (1)", "R"),
    ("relation_identity_full", "INSERT INTO bag VALUES (3, 'x')", "R"),
    ("type_enum", "INSERT INTO plain VALUES (2, 'x', 1, 'calm')", "Y"),
    ("insert_binary", "INSERT INTO plain VALUES (3, 'name', 12.50, 'keen', '{a,NULL,c}')", "I"),
    ("insert_nulls", "INSERT INTO plain (id) VALUES (4)", "I"),
    ("insert_empty_text", "INSERT INTO bag VALUES (4, '')", "I"),
    ("insert_large", "INSERT INTO wide VALUES (1, repeat('large ', 1000), 1)", "I"),
    ("toast_unchanged", "UPDATE wide SET small = 2 WHERE id = 1", "U"),
    ("update_same_key", "UPDATE plain SET name = 'other' WHERE id = 3", "U"),
    ("update_key_changed", "UPDATE plain SET id = 30 WHERE id = 3", "U"),
    ("update_identity_full", "UPDATE bag SET b = 'y' WHERE a = 1", "U"),
    ("delete_by_key", "DELETE FROM plain WHERE id = 30", "D"),
    ("delete_identity_full", "DELETE FROM bag WHERE a = 1", "D"),
    ("truncate_one", "TRUNCATE bag", "T"),
    ("truncate_cascade_restart", "TRUNCATE plain, wide RESTART IDENTITY CASCADE", "T"),
    ("message_transactional", "SELECT pg_logical_emit_message(true, 'echodb', '{\"op\": \"table\"}')", "M"),
    # The INSERT's commit makes sure that the message has reached the disk.
    ("message_outside_transaction", "SELECT pg_logical_emit_message(false, 'heartbeat', '');"
                                    "INSERT INTO bag VALUES (4, 'x')", "M"),
    ("origin", f"SELECT pg_replication_origin_create('{SLOT}'), pg_replication_origin_session_setup('{SLOT}');"
               "BEGIN; SELECT pg_replication_origin_xact_setup('0/AB', now());"
               "INSERT INTO bag VALUES (5, 'x'); COMMIT; SELECT pg_replication_origin_session_reset()", "O"),
]

# (file, columns, bytes per chunk, query)
COPIES = [
    ("empty_table", 2, 255, "SELECT 1, 2 WHERE false"),
    ("nulls_and_values", 3, 255, "SELECT 7, NULL::text, 'hi'"),
    ("rows_across_chunks", 2, 5, "SELECT i, repeat('x', i) FROM generate_series(0, 20) AS i"),
    ("no_columns", 0, 7, "SELECT FROM generate_series(1, 3)"),
    ("arrays_and_numeric", 2, 16, "SELECT ARRAY[1, NULL, 3], 12.50::numeric(10, 2)"),
]

# Messages that must be refused; nothing sends them, so they are written down.
CORRUPT = [
    ("corrupt_begin_without_final_lsn", b"B" + bytes(20)),
    ("corrupt_insert_cut_in_length", b"I\0\0@\1N\0\1b\0\0"),
    ("corrupt_insert_length_negative", b"I\0\0@\1N\0\1b\xff\xff\xff\xff"),
    ("corrupt_truncate_count_too_large", b"T\x7f\xff\xff\xff\0\0\0@\1"),
    ("corrupt_relation_without_zero", b"R\0\0@\1public"),
    ("corrupt_value_kind", b"D\0\0@\1K\0\1z"),
    ("stream_start", b"S\0\0\2\xe5\1"),
]


def psql(conninfo, sql):
    """What the statements print, unaligned."""
    command = ["psql", conninfo, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    path = f"SET search_path = {SLOT};\n"
    return subprocess.run(command, input=path + sql, check=True, capture_output=True, text=True).stdout


def record_messages(conninfo):
    for name, statements, letter in MESSAGES:
        psql(conninfo, statements)
        lines = psql(conninfo, f"SELECT encode(data, 'hex') FROM "
                               f"pg_logical_slot_get_binary_changes('{SLOT}', NULL, NULL, {OPTIONS})").split()
        messages = [bytes.fromhex(line) for line in lines]
        kept = [message for message in messages if message[:1] == letter.encode()]
        if not kept:
            sys.exit(f"{name}: no '{letter}' among {[message[:1] for message in messages]}")
        (CORPUS / "pgoutput" / name).write_bytes(kept[0])
    for name, message in CORRUPT:
        (CORPUS / "pgoutput" / name).write_bytes(message)


def record_copies(conninfo):
    for name, columns, chunk_bytes, query in COPIES:
        command = ["psql", conninfo, "-X", "-q", "-c", f"COPY ({query}) TO STDOUT (FORMAT binary)"]
        stream = subprocess.run(command, check=True, capture_output=True).stdout
        (CORPUS / "copy_binary" / name).write_bytes(bytes([columns, chunk_bytes]) + stream)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    conninfo = sys.argv[1]
    psql(conninfo, SETUP)
    try:
        record_messages(conninfo)
        record_copies(conninfo)
    finally:
        psql(conninfo, TEARDOWN)


main()
