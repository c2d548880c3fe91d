"""The datasets, as a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from neuronas.config import DatasetInfo
from neuronas.report.tables import Column, Table, number


def datasets_table(
    infos: Mapping[str, DatasetInfo], found: Mapping[str, Path | None], damaged: Collection[str]
) -> Table:
    """Return one row per dataset.

    Args:
        infos: Shape and size of each.
        found: Folder of each that is files, None where it is absent. The others come with a
            package.
        damaged: Names of those whose files are not whole.
    """

    def state(name: str) -> str:
        if name in damaged:
            return "damaged"
        return "packaged" if name not in found else "here" if found[name] else "absent"

    rows = [
        {
            "dataset": name,
            "shape": list(info.input_shape),
            "samples": "event frames" if info.event_frames else "images",
            "classes": info.classes,
            "train": info.train_samples,
            "validation": info.validation_samples,
            "test": info.test_samples,
            "files": state(name),
            "folder": None if found.get(name) is None else str(found[name]),
        }
        for name, info in infos.items()
    ]
    columns = (
        Column("dataset", "dataset"),
        Column("shape", "shape", _shape),
        Column("samples", "samples"),
        *(Column(key, key, number) for key in ("classes", "train", "validation", "test")),
        *(Column(key, key) for key in ("files", "folder")),
    )
    absent = any(row["files"] == "absent" for row in rows)
    captions = ["Get what is absent with: neuronas data fetch NAME."] if absent else []
    if damaged:
        captions.append("What is wrong with what is damaged: neuronas data path NAME.")
    return Table(columns, rows, caption=" ".join(captions) or None)


def _shape(value: Sequence[int]) -> str:
    return "x".join(map(str, value))
