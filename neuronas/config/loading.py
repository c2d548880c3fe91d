"""Reading study files: YAML in, a checked ``StudyConfig`` or a clear error out."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from neuronas.config.datasets import dataset_names
from neuronas.config.ranges import RANGE_ERRORS, allowed_range
from neuronas.config.study import BudgetConfig, Origin, StudyConfig
from neuronas.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML 1.1, but a key given twice is an error and ``4e6`` is a number."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(
                None, None, f"{key!r} cannot be a key", key_node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is given twice", key_node.start_mark
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return the content of a YAML (or JSON) file.

    Raises:
        ConfigError: The file is absent, is not text, or is not valid YAML (JSON, if its name
            ends so).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(_absent(path), source=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", source=str(path)) from None
    try:
        if path.suffix == ".json":
            return json.loads(text)
        return yaml.load(text, Loader=_Loader)
    except json.JSONDecodeError as error:
        raise ConfigError(f"not valid JSON: {error}", source=str(path)) from None
    except yaml.YAMLError as error:
        raise ConfigError(_yaml_problem(error), source=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not valid YAML: {error}", source=str(path)) from None


def _absent(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"no such file, and no such folder {folder}"
    names = sorted(f.name for f in folder.iterdir() if f.suffix in {".yaml", ".yml", ".json"})
    near = difflib.get_close_matches(path.name, names, n=1)
    return "no such file" + (f"; did you mean {folder / near[0]}?" if near else "")


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}not valid YAML: {problem}"


def load_study(path: str | Path) -> StudyConfig:
    r"""Return the study that a YAML file describes.

    Args:
        path: Study file. Its stem is the study's name unless the file gives one.

    Returns:
        The checked study, with every default filled in.

    Raises:
        ConfigError: The file is absent or wrong; the message names file, key, what was found and
            what is allowed.

    Example:
        >>> import neuronas, pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "tiny.yaml"
        >>> _ = file.write_text("dataset: digits\nspace: {channels: [4, 8]}\n")
        >>> study = neuronas.load_study(file)
        >>> study.name, study.space.channels, study.space.weight_bits.stem
        ('tiny', [4, 8], [4])
    """
    path = Path(path)
    content = read_yaml(path)
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"a study file is a mapping of keys, found {_shown(content)}", source=str(path)
        )
    chip = _chip_file(content, path)
    if chip is not None:
        content = content | {"hardware": content["hardware"] | {"chip": _chip_in(chip, path)}}
    content = {"name": path.stem, **content, **_own_data(content, path)}
    study = validate(StudyConfig, content, source=str(path))
    return study.read_from(Origin(str(path), None if chip is None else str(chip)))


def _chip_file(content: dict[str, Any], study: Path) -> Path | None:
    """Return the chip file that a study names; None if it names none."""
    hardware = content.get("hardware")
    chip = hardware.get("chip") if isinstance(hardware, dict) else None
    if not isinstance(chip, str) or not chip.endswith((".yaml", ".yml", ".json")):
        return None
    return study.parent / chip


def _own_data(content: dict[str, Any], study: Path) -> dict[str, Any]:
    """Return the user's own dataset, its path no longer relative to the study file."""
    dataset = content.get("dataset")
    if not isinstance(dataset, dict):
        return {}
    paths = {
        key: os.path.abspath(study.parent / Path(dataset[key]).expanduser())
        for key in ("npz", "images")
        if isinstance(dataset.get(key), str)
    }
    return {"dataset": dataset | paths}


def _chip_in(file: Path, study: Path) -> dict[str, Any]:
    """Return what a chip file holds: it replaces its path, so that the study is whole without."""
    try:
        described = read_yaml(file)
    except ConfigError as error:
        problems = [f"hardware.chip: {file}: {problem}" for problem in error.problems]
        raise ConfigError(problems, source=str(study)) from None
    if not isinstance(described, dict):
        problem = f"hardware.chip: {file}: a chip file is a mapping of keys"
        raise ConfigError(problem, source=str(study))
    return {"name": file.stem, **described}


def read_budget(text: str) -> BudgetConfig:
    """Return the budget that a command line gives: a preset, or ``energy_uj=120,area_mm2=100``.

    Raises:
        ConfigError: Neither a preset nor limits.
    """
    if text in BudgetConfig.model_fields and text != "preset":
        raise ConfigError(f"{text}: needs a number, as in {text}=120", source="--budget")
    if "=" not in text:
        return validate(BudgetConfig, {"preset": text}, source="--budget")
    limits: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            limits[name.strip()] = float(value)
        except ValueError:
            limits[name.strip()] = value
    return validate(BudgetConfig, limits, source="--budget")


def validate(
    model: type[Model], content: object, *, source: str | None, section: str = ""
) -> Model:
    """Return ``content`` as a ``model``; raise a ConfigError that explains every problem.

    Args:
        model: What it should be.
        content: What was found.
        source: File, for the message.
        section: Key under which the content stands there.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        within = f"{section}." if section else ""
        lines = [within + _problem(details, model) for details in error.errors()]
        raise ConfigError(list(dict.fromkeys(lines)), source=source) from None


def _shown(value: object) -> str:
    text = repr(value)
    limit = 60
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _path(location: tuple[int | str, ...]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).lstrip(".")


def _section(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    for part in location:
        field = model.model_fields.get(str(part))
        model = (_model_in(field.annotation) if field else None) or model
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model that a type is or holds, as in ``list[Model]`` or ``Model | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    held = (_model_in(argument) for argument in get_args(annotation))
    return next((found for found in held if found is not None), None)


def _problem(details: ErrorDetails, model: type[BaseModel]) -> str:
    location, kind, found = details["loc"], details["type"], details["input"]
    key = _path(location)
    context: dict[str, Any] = details.get("ctx", {})
    if kind == "contradiction":
        return details["msg"] if not key else f"{key}: {details['msg']}"
    if kind == "extra_forbidden":
        allowed = sorted(_section(model, location[:-1]).model_fields)
        return (
            f"{key}: unknown key; allowed: {', '.join(allowed)}{suggestion(location[-1], allowed)}"
        )
    if kind == "missing":
        return f"{key}: required, but not given{_allowed_of(model, location)}"
    if kind in {"literal_error", "unknown_name"}:
        expected = str(context["expected"]).replace(" or ", ", ").replace("'", "")
        names = expected.split(", ")
        near = suggestion(found, names) if isinstance(found, str) else ""
        return f"{key}: found {_shown(found)}; allowed: {expected}{near}"
    if kind == "too_short":
        least = context["min_length"]
        return f"{key}: found {_shown(found)}; allowed: a list with {least} or more entries"
    if kind in {"list_type", "tuple_type"}:
        return f"{key}: found {_shown(found)}; expected a list, as in [a, b]"
    if kind in {"model_type", "dict_type"}:
        return f"{key or 'content'}: found {_shown(found)}; expected a mapping of keys to values"
    if kind == "invalid_key":
        return f"unknown key {found!r}; keys are words"
    if kind == "cell":
        return f"{key}: {details['msg']}"
    if kind in RANGE_ERRORS and (allowed_numbers := _range(model, location)):
        return f"{key}: found {_shown(found)}; allowed: {allowed_numbers}"
    return f"{key}: found {_shown(found)}; {details['msg'][0].lower()}{details['msg'][1:]}"


def _range(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Return which numbers the field takes that a location leads to, or leads into."""
    found: FieldInfo | None = None
    for part in location:
        field = model.model_fields.get(str(part))
        if field is not None:
            found, model = field, _model_in(field.annotation) or model
    return allowed_range(found) if found else ""


def _allowed_of(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    if model is StudyConfig and location == ("dataset",):
        return f"; allowed: {', '.join(dataset_names())}, or your own files"
    return ""


def suggestion(found: object, allowed: Sequence[str]) -> str:
    """Return the hint at the nearest allowed name; nothing if none is near."""
    near = difflib.get_close_matches(str(found), allowed, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
