"""Where datasets' files come from, where they are, and getting them. Nothing is decoded here."""

from neuronas.sources.catalogue import SOURCES, Download, Source
from neuronas.sources.fetching import Listener, fetch
from neuronas.sources.folders import (
    damage,
    data_root,
    find,
    remedy,
    require,
    require_known,
    require_whole,
    source_of,
)

__all__ = [
    "SOURCES",
    "Download",
    "Listener",
    "Source",
    "damage",
    "data_root",
    "fetch",
    "find",
    "remedy",
    "require",
    "require_known",
    "require_whole",
    "source_of",
]
