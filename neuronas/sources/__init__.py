"""Where datasets' files come from, where they are, and getting them. Nothing is decoded here."""

from neuronas.sources.catalogue import SOURCES, Download, Source
from neuronas.sources.fetching import fetch
from neuronas.sources.folders import data_root, find, remedy, require

__all__ = ["SOURCES", "Download", "Source", "data_root", "fetch", "find", "remedy", "require"]
