"""A case: what it shows, how it is run, and what is said about it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg2
import requests

from driver.children import Failed

from .stack import Stack


@dataclass
class Case:
    name: str
    title: str
    slow: bool
    play: Callable[[Stack], str | None]


CASES: list[Case] = []


def case(title: str, slow: bool = False):
    """Registers a function as a case; it returns what is worth printing, mostly times."""

    def register(play):
        CASES.append(Case(play.__name__, title, slow, play))
        return play

    return register


def run_case(one: Case, stack: Stack) -> bool:
    started = time.monotonic()
    try:
        said = one.play(stack)
        stack.end_case()
    except (Failed, psycopg2.Error, requests.RequestException, OSError, AssertionError) as error:
        print(f"FAIL {one.name} ({time.monotonic() - started:.1f} s)\n  {error}\n{stack.log_tails()}", flush=True)
        return False
    print(f"ok   {one.name} ({time.monotonic() - started:.1f} s): {said}", flush=True)
    return True
