"""The application's sessions: each a connection in autocommit, in which the statements begin and end transactions."""

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from driver.children import Failed

# Longer than any statement of ours takes: one that is cut short by it has been held up by EchoDB.
STATEMENT_SECONDS = 20


class Sessions:
    def __init__(self, connect):
        self.connect = connect
        self.connections: dict[int, psycopg2.extensions.connection] = {}

    def _connection(self, number: int):
        if number not in self.connections:
            connection = self.connect()
            connection.cursor().execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'; "
                                        "SET client_min_messages = error; SET timezone = 'UTC'")
            self.connections[number] = connection
        return self.connections[number]

    def run(self, number: int, sql: str) -> str:
        """What the server says of the statement: a command tag with its row count, or an error's code."""
        cursor = self._connection(number).cursor()
        try:
            cursor.execute(sql)
            return cursor.statusmessage or ""
        except psycopg2.Error as error:
            if error.pgcode is None:
                raise Failed(f"session {number} was cut off: {error}") from None
            return f"ERROR {error.pgcode}: {(error.diag.message_primary or '').strip()}"

    def in_transaction(self, number: int) -> bool:
        return self._connection(number).info.transaction_status != TRANSACTION_STATUS_IDLE

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()


def code(outcome: str) -> str:
    """The part of an outcome that must be the same with and without EchoDB."""
    return outcome.partition(":")[0]
