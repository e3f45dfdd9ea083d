"""Does a training step wait for its data, and what makes it wait less?

Serves the chapter ``compute/acceleration``. ``watch_feed`` says how much of a loop's time is spent
waiting for the next batch. ``prefetch`` reads ahead in a thread: the plain form of what ``tf.data``
does (Murray and others 2021).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from course_lib._checks import check_whole, function, instance, takes, whole

__all__ = ["FeedReport", "prefetch", "watch_feed"]


class FeedReport(NamedTuple):
    """Where the time of a training loop went.

    Attributes:
        waiting: seconds spent waiting for batches.
        working: seconds spent on the steps themselves.
    """

    waiting: float
    working: float

    @property
    def seconds(self) -> float:
        """The loop's whole time."""
        return self.waiting + self.working

    @property
    def starved(self) -> float:
        """The share of the time that was spent waiting."""
        return self.waiting / self.seconds if self.seconds else 0.0


@takes(batches=instance(Iterable, "something to go through"), work=function())
def watch_feed(batches: Iterable[Any], work: Callable[[Any], Any]) -> FeedReport:
    """Run a loop over batches and note how long it waits for each.

    Args:
        batches: gives batches, such as a generator or a ``tf.data.Dataset``.
        work: what to do with a batch. It must return after the work is done; on an accelerator,
            fetch a number of the result.
    """
    waiting = working = 0.0
    end = object()
    start = time.perf_counter()
    source = iter(batches)
    while True:
        batch = next(source, end)
        ready = time.perf_counter()
        waiting += ready - start
        if batch is end:
            return FeedReport(waiting, working)
        work(batch)
        start = time.perf_counter()
        working += start - ready


@takes(batches=instance(Iterable, "something to go through"), depth=whole(1))
def prefetch(batches: Iterable[Any], depth: int = 1) -> Iterator[Any]:
    """Give the same batches in the same order, but read ahead in a thread.

    Args:
        batches: gives batches.
        depth: how many batches may wait to be taken.

    Returns:
        An iterator. An error while reading is raised where the batch would have come. If you stop
        early, close it (``close()``), or let it go out of scope, and the thread ends.

    Raises:
        ValueError: ``depth`` is not a whole number from 1 on.
    """
    check_whole("depth", depth, 1)
    return _read_ahead(batches, depth)


def _read_ahead(batches: Iterable[Any], depth: int) -> Iterator[Any]:
    shelf: queue.Queue = queue.Queue(maxsize=depth)
    closed = threading.Event()

    def put(item: tuple[str, Any]) -> None:
        while not closed.is_set():
            try:
                return shelf.put(item, timeout=0.05)
            except queue.Full:
                continue

    def read() -> None:
        try:
            for batch in batches:
                put(("batch", batch))
                if closed.is_set():
                    return
            put(("end", None))
        except BaseException as error:  # whatever it is, the reader must hear of it
            put(("error", error))

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            kind, item = shelf.get()
            if kind == "end":
                return
            if kind == "error":
                raise item
            yield item
    finally:
        closed.set()
