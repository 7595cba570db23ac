"""Calls that a worker makes several of at once, where that is faster; each still ends by itself."""

import contextlib
import itertools
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Executor

from nuinfer.inference.work.calls import WINDOW, Call, Ended, dispatch

MOST, SHARES = 16, 4
"""Calls in a group, and groups for each worker, so that none waits long for the last."""


def group_size(calls: int, workers: int | None) -> int:
    """Calls in a group, by default.

    Examples
    --------
    >>> group_size(1000, 2), group_size(40, 2), group_size(3, 2)
    (16, 5, 1)
    """
    return max(1, min(MOST, calls // (SHARES * workers if workers else WINDOW)))


def dispatch_grouped(executor: Executor, calls: Iterable[Call], attempts: int, size: int) -> Generator[Ended]:
    """Make calls and yield each as it ends; neighbours of one group are made together, up to `size` of them.

    A group in which anything goes wrong is made again, one call at a time, so that each ends as it would by itself.
    A group whose worker dies is treated like a call, see `nuinfer.inference.work.calls.dispatch`.
    """
    groups: dict[str, Sequence[Call]] = {}
    alone: list[Call] = []

    def made() -> Generator[Call]:
        for _, neighbours in itertools.groupby(calls, lambda call: call.group or call.key):
            few = list(neighbours)
            for k in range(0, len(few), size):
                some = few[k : k + size]
                if len(some) == 1 or some[0].together is None:
                    yield from some
                else:
                    groups[some[0].key] = some
                    yield Call(some[0].key, some[0].together, ([call.arguments for call in some],))

    with contextlib.closing(dispatch(executor, made(), attempts)) as ended:
        for one in ended:
            some = groups.get(one.key, ())
            if not some:
                yield one
            elif one.error is not None:
                alone += some
            else:
                for call, result in zip(some, one.result, strict=True):
                    yield Ended(call.key, result, None, one.attempts, call.label or call.key)
    with contextlib.closing(dispatch(executor, alone, attempts)) as ended:
        yield from ended
