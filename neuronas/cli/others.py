"""The other workers of ``search --workers N``: they join once the study is there."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from neuronas.cli.options import say

if TYPE_CHECKING:
    from neuronas.service.children import Children


class Others:
    """Workers beside this process; they are drained when it ends before the study does.

    Args:
        name: The study.
        url: Storage URL.
        workers: Of this machine, this process included; 0 where none of them is to train.
        options: Of ``neuronas worker``.
    """

    def __init__(self, name: str, url: str, workers: int, options: Mapping[str, object]) -> None:
        self.workers = workers
        self._study, self._options = (name, url), options
        self._children: Children | None = None
        self._watch: threading.Thread | None = None

    def start(self) -> None:
        """Start them."""
        if self.workers > 1:
            from neuronas.service.children import Children

            self._children = Children(*self._study, self._options)
            self._children.start(self.workers - 1)
            watch = threading.Thread(target=self._children.wait, args=(say,), daemon=True)
            watch.start()
            self._watch = watch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._children is None:
            return
        if error is not None:
            self._children.signal(signal.SIGTERM)
        try:
            self._wait(self._children)
        except BaseException:
            self._children.signal(signal.SIGTERM)
            self._wait(self._children)
            raise

    def _wait(self, children: Children) -> None:
        if self._watch is not None:
            self._watch.join()
        children.wait()  # also where not all could be started, or none could be told of
