"""A pool: the workers of one study on one engine, and the folder that remembers them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from neuronas.config import StudyName
from neuronas.errors import ConfigError, EngineError
from neuronas.files import write_whole

URL_VARIABLE = "NEURONAS_STORAGE"
URL_FILE_VARIABLE = "NEURONAS_STORAGE_FILE"
ENGINE_VARIABLE = "NEURONAS_ENGINE"
JOB_VARIABLE = "NEURONAS_JOB_ID"
"""By these two an engine tells a worker who started it."""

_POOL_FILE = "pool.json"
_URL_FILE = "storage"


def _plain_path(path: Path) -> Path:
    if not str(path).isprintable():
        raise ValueError(f"found {str(path)!r}; allowed: a path of printable characters")
    if not path.is_absolute():
        raise ValueError(f"found {str(path)!r}; allowed: an absolute path")
    return path


PlainPath = Annotated[Path, AfterValidator(_plain_path)]


class Pool(BaseModel):
    """The workers of one study on one engine, all started by the same command.

    Attributes:
        id: What the engine knows the pool by; no two pools share it.
        study: Name of the study.
        workers: How many are asked for.
        folder: What the pool remembers, and its logs; each machine sees it.
        working_dir: Folder that workers are started in.
        checkpoint_dir: Folder of weights.
        data_dir: Folder of datasets; None for the worker's own default.
        threads: Threads of each worker.
        device: ``cpu`` or ``cuda``; None for what the worker finds.
        gpus: GPUs that the engine gives each worker.
        memory_mib: Memory that the engine gives each worker; None for the engine's default.
        limit_minutes: How long a worker may run before the engine starts it anew; None for the
            engine's default.
        options: What only this engine knows, such as Slurm's ``partition``.
        worker_options: Further options of the worker command, by their names without dashes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    study: StudyName
    workers: Annotated[int, Field(ge=0)]
    folder: PlainPath
    working_dir: PlainPath
    checkpoint_dir: PlainPath
    data_dir: PlainPath | None = None
    threads: Annotated[int, Field(ge=1)] = 1
    device: Literal["cpu", "cuda"] | None = None
    gpus: Annotated[int, Field(ge=0)] = 0
    memory_mib: Annotated[int, Field(ge=1)] | None = None
    limit_minutes: Annotated[int, Field(ge=1)] | None = None
    options: Mapping[str, str] = {}
    worker_options: Mapping[str, str] = {}

    @property
    def logs(self) -> Path:
        """Folder of the workers' logs."""
        return self.folder / "logs"

    @property
    def url_file(self) -> Path:
        """File with the database's URL, for its owner's eyes only."""
        return self.folder / _URL_FILE

    def worker_arguments(self) -> list[str]:
        """Return what follows the command's name to start a worker; it holds no secret."""
        arguments = ["worker", self.study, "--checkpoint-dir", str(self.checkpoint_dir)]
        if self.data_dir is not None:
            arguments += ["--data-dir", str(self.data_dir)]
        if self.device is not None:
            arguments += ["--device", self.device]
        further = [f"--{key}={value}" for key, value in self.worker_options.items()]
        return [*arguments, "--threads", str(self.threads), *further]

    def environment(self) -> dict[str, str]:
        """Return this process's environment with the URL's file in the place of the URL."""
        kept = {name: value for name, value in os.environ.items() if name != URL_VARIABLE}
        return {**kept, URL_FILE_VARIABLE: str(self.url_file)}

    def make_folders(self) -> None:
        """Make its folder and that of its logs.

        Raises:
            EngineError: They cannot be made.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"{self.logs}: cannot be made ({error.strerror})") from None

    def keep(self, url: str | None = None) -> None:
        """Write down the pool, and the URL where it is given, for its owner's eyes only.

        Raises:
            EngineError: They cannot be written.
        """
        self.make_folders()
        try:
            if url is not None:
                _write_secret(self.url_file, url)
            write_whole(self.folder / _POOL_FILE, self.model_dump_json(indent=2).encode())
        except OSError as error:
            raise EngineError(f"{self.folder}: cannot be written ({error.strerror})") from None

    def of_size(self, workers: int) -> Pool:
        """Return the same pool, asked for another number of workers."""
        return self.model_copy(update={"workers": workers})


def _write_secret(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(f"{text}\n")


def pool_folder(checkpoint_dir: Path, study: str, engine: str) -> Path:
    """Return the folder of a study's workers on an engine.

    Raises:
        ConfigError: It is no name that a study can have, and would be no safe path.
    """
    try:
        TypeAdapter(StudyName).validate_python(study)
    except ValidationError:
        raise ConfigError(
            f"NAME: found '{study}'; allowed: at most 100 letters, digits, '.', '_' and '-', the "
            "first a letter or digit"
        ) from None
    return checkpoint_dir.absolute() / "cluster" / study / engine


def new_pool(study: str, engine: str, checkpoint_dir: Path, **fields: Any) -> Pool:  # noqa: ANN401
    """Return a pool that nothing is started of yet; nothing is written.

    Args:
        study: Name of the study.
        engine: Name of the engine.
        checkpoint_dir: Folder of weights.
        fields: Other fields of :class:`Pool`.

    Raises:
        ConfigError: A value cannot be.
    """
    given = {
        "id": secrets.token_hex(8),
        "study": study,
        "folder": pool_folder(checkpoint_dir, study, engine),
        "working_dir": Path.cwd(),
        "checkpoint_dir": checkpoint_dir.absolute(),
        **fields,
    }
    return _checked(given, source=None)


def kept_pool(study: str, engine: str, checkpoint_dir: Path) -> Pool | None:
    """Return the pool that was submitted last, None where none was.

    Raises:
        ConfigError: It is no study's name, or what the pool's folder remembers is damaged.
    """
    path = pool_folder(checkpoint_dir, study, engine) / _POOL_FILE
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}", source=str(path)) from None
    return _checked(content, source=str(path))


def _checked(fields: object, source: str | None) -> Pool:
    try:
        return Pool.model_validate(fields)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc']))}: found {each['input']!r}; {each['msg']}"
            for each in error.errors()
        ]
        raise ConfigError(problems, source=source) from None
