"""What was measured so far, in one file that is whole at any time."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from neuronas.architecture import Architecture
from neuronas.config import read_yaml, validate
from neuronas.errors import ConfigError, NeuronasError
from neuronas.files import write_whole


class Reading(BaseModel):
    """One score of one network.

    Attributes:
        score: Higher is better; None for minus infinity, or where the training failed.
        cpu_s: Processor seconds, building the network included where it is built.
        failure: Why the training failed.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    score: float | None
    cpu_s: float
    failure: str | None = None


class Measured(BaseModel):
    """All of one network.

    Attributes:
        genotype: The network.
        proxies: Scores without training, by name.
        rungs: Validation accuracy after brief training, by name.
        long: Test accuracy after longer training with another seed.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    genotype: Architecture
    proxies: dict[str, Reading]
    rungs: dict[str, Reading]
    long: Reading


class State(BaseModel):
    """The file.

    Attributes:
        protocol: What was measured and how, in words; figures of another one do not mix.
        networks: Networks measured, by digest.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    protocol: str
    networks: dict[str, Measured] = {}

    @classmethod
    def read(cls, path: Path, protocol: str) -> State:
        """Return what a file holds, or an empty state where there is none.

        Raises:
            ConfigError: The file is no such state, or one of another protocol.
        """
        if not path.exists():
            return cls(protocol=protocol)
        state = validate(cls, read_yaml(path), source=str(path))
        if state.protocol != protocol:
            raise ConfigError(
                f"protocol: measured with '{state.protocol}', this version measures with "
                f"'{protocol}'; name another file with --state",
                source=str(path),
            )
        return state

    def write(self, path: Path) -> None:
        """Replace the file by this state, whole or not at all.

        Raises:
            NeuronasError: It cannot be written.
        """
        try:
            write_whole(path, self.model_dump_json(indent=1).encode())
        except OSError as error:
            raise NeuronasError(
                f"{path} cannot be written: {error.strerror}; name another file with --state"
            ) from None
