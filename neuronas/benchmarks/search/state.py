"""What was simulated so far, in one file that is whole at any time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from neuronas.benchmarks.search.table import Floats
from neuronas.config import validate
from neuronas.errors import ConfigError, NeuronasError
from neuronas.files import write_whole


class Run(BaseModel):
    """One simulated search.

    Attributes:
        improved_at: Numbers of trainings after which less was unfound than before, ascending; the
            first is 0.
        unfound: What was unfound from each of them on; see ``measures.unfound``.
        duplicates: Trainings of a class that was trained before.
        over_budget: Trainings whose measured cost broke a budget.
        ask_s: Mean processor seconds of a proposal.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    improved_at: list[int]
    unfound: list[float]
    duplicates: int
    over_budget: int
    ask_s: float

    def curve(self, trainings: int) -> Floats:
        """Return what was unfound after 0, 1, ... trainings, shape ``(trainings + 1,)``."""
        steps = np.arange(trainings + 1)
        places = np.searchsorted(self.improved_at, steps, side="right") - 1
        return np.asarray(self.unfound)[places]


class State(BaseModel):
    """The file.

    Attributes:
        runs: By all that decides them, see ``running.run_all``. What other data or other code gave
            stays there under another key and is not mixed with what is run now.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    runs: dict[str, Run]

    @classmethod
    def read(cls, path: Path | None) -> State:
        """Return what a file holds, or an empty state where there is none.

        Raises:
            ConfigError: The file is no such state.
        """
        if path is None:
            return cls(runs={})
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(runs={})
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"not a state of this benchmark: {error}; name another file with --state",
                source=str(path),
            ) from None
        return validate(cls, content, source=str(path))

    def write(self, path: Path | None) -> None:
        """Replace the file, if there is to be one, by this state, whole or not at all.

        Raises:
            NeuronasError: It cannot be written.
        """
        if path is None:
            return
        try:
            write_whole(path, self.model_dump_json(indent=1).encode())
        except OSError as error:
            raise NeuronasError(
                f"{path} cannot be written: {error.strerror}; name another file with --state"
            ) from None
