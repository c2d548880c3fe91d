"""What was simulated so far, in one file that is whole at any time."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from neuronas.config import read_yaml, validate
from neuronas.errors import ConfigError, NeuronasError
from neuronas.files import write_whole


class Run(BaseModel):
    """One simulated search.

    Attributes:
        unfound: What was unfound at each mark; see ``measures.unfound``.
        duplicates: Trainings of a class that was trained before.
        over_budget: Trainings whose measured cost broke a budget.
        ask_s: Mean processor seconds of a proposal.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    unfound: list[float]
    duplicates: int
    over_budget: int
    ask_s: float


class State(BaseModel):
    """The file.

    Attributes:
        protocol: What was measured and how, in words; figures of another one do not mix.
        runs: By problem with its digest, sampler, workers, trainings and seed.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    protocol: str
    runs: dict[str, Run] = {}

    @classmethod
    def read(cls, path: Path | None, protocol: str) -> State:
        """Return what a file holds, or an empty state where there is none.

        Raises:
            ConfigError: The file is no such state, or one of another protocol.
        """
        if path is None or not path.exists():
            return cls(protocol=protocol)
        state = validate(cls, read_yaml(path), source=str(path))
        if state.protocol != protocol:
            raise ConfigError(
                f"protocol: measured with '{state.protocol}', now it is '{protocol}' (data or the "
                "code of the search changed); name another file with --state",
                source=str(path),
            )
        return state

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
