"""Where datasets' files come from, where they are, and getting them. Nothing is decoded here."""

from neuronas.sources.catalogue import SOURCES, Download, Source
from neuronas.sources.fetching import Listener, fetch
from neuronas.sources.folders import data_root, find, remedy, require, source_of

__all__ = [
    "SOURCES",
    "Download",
    "Listener",
    "Source",
    "data_root",
    "fetch",
    "find",
    "remedy",
    "require",
    "source_of",
]
