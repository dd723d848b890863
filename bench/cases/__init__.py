"""The benchmarks. Each module has a `Case` subclass; ALL is the order in which they run."""

from .copy import Copy, CopyWide
from .ddl_storm import DdlStorm
from .drain import Drain
from .large_transaction import LargeTransaction
from .latency import Latency
from .many_tables import ManyTables
from .toast import Toast

ALL = {case.name: case for case in (Copy, CopyWide, Drain, Latency, ManyTables, LargeTransaction, Toast, DdlStorm)}
