"""The benchmarks, in the order in which they run."""

from .copy import Copy, CopyWide
from .ddl_cost import DdlCost
from .ddl_storm import DdlStorm
from .drain import Drain
from .large import LargeTransaction, Toast
from .latency import Latency
from .many_tables import ManyTables

ALL = {case.name: case
       for case in (Copy, CopyWide, Drain, Latency, ManyTables, LargeTransaction, Toast, DdlStorm, DdlCost)}
