"""Results on the local disk until the database has them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neuronas.errors import LeaseLostError, StorageError
from neuronas.files import write_whole
from neuronas.records import Evaluation, EvaluationKey, Provenance
from neuronas.storage import Repository


@dataclass(frozen=True, slots=True)
class Spool:
    """Evaluations of one study that wait to be told.

    Attributes:
        folder: Folder of the files, one per evaluation.
        repository: Where they belong.
        study: Name of the study.
        created: When the study was, which tells it from others of its name.
    """

    folder: Path
    repository: Repository
    study: str
    created: str

    @contextmanager
    def kept(self, evaluation: Evaluation) -> Iterator[None]:
        """Keep an evaluation on disk until the context has told it; forget it then.

        An evaluation whose trial was taken away is stored for whoever takes up its candidate.
        """
        key = evaluation.key
        path = self.folder / f"{self.study}-{key.digest[:16]}-{key.seed}-{os.getpid()}.json"
        content = {
            "study": self.study,
            "created": self.created,
            "evaluation": asdict(evaluation),
        }
        self._write(path, json.dumps(content, default=str).encode())
        try:
            yield
        except LeaseLostError:
            self.repository.add_evaluation(self.study, evaluation, salvaged=True)
            path.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)

    def tell(self) -> int:
        """Store what an earlier worker could not tell; return how many evaluations."""
        told = 0
        for path in sorted(self.folder.glob(f"{self.study}-*.json")):
            content = _content(path)
            if content is not None and (content["study"], content["created"]) == (
                self.study,
                self.created,
            ):
                evaluation = _evaluation(content["evaluation"])
                self.repository.add_evaluation(self.study, evaluation, salvaged=True)
                path.unlink(missing_ok=True)
                told += 1
        return told

    def _write(self, path: Path, content: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        except OSError as error:
            raise StorageError(f"{path}: cannot be written ({error.strerror})") from error


def _content(path: Path) -> dict[str, Any] | None:
    """Return what a file holds; None if another worker has told it meanwhile.

    Raises:
        StorageError: It is damaged.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        content["study"], content["created"], content["evaluation"]["key"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise StorageError(
            f"{path}: is no result of a training ({error!r}); remove it, and the network is "
            "trained again"
        ) from error
    return content


def _evaluation(content: dict[str, Any]) -> Evaluation:
    values = dict(content)
    values["key"] = EvaluationKey(**values["key"])
    values["provenance"] = Provenance(**values["provenance"])
    values["weights_path"] = Path(values["weights_path"])
    return Evaluation(**values)
