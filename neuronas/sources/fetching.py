"""Getting a dataset's files: resumed where it was cut, checked, there whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import shutil
import ssl
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import IO

from neuronas.errors import DatasetError
from neuronas.sources.catalogue import Download, Source

Listener = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes that are there, and how many there will be, if known."""

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 60
_ARCHIVES = (".zip", ".tar.gz")
_BROKEN = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
)
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, shutil.ReadError, EOFError, zlib.error)


def fetch(source: Source, folder: Path, listener: Listener = lambda *_: None) -> None:
    """Get what a folder lacks of a dataset's files.

    A file stands under its name only when its checksum is right. What was got of it before that
    stays in ``NAME.partial``, from where the next call goes on.

    Args:
        source: What to get.
        folder: The dataset's folder; created if needed.
        listener: Is told the progress.

    Raises:
        DatasetError: The server cannot be reached or breaks off, a file is not the official one,
            an archive cannot be unpacked, or the folder cannot be written; the message says what
            to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            for download in source.downloads:
                _get(download, source, folder, listener)
    except OSError as error:
        raise DatasetError(
            f"{folder}: cannot be written: {error.strerror or error}; free space or name another "
            "folder with --data-dir, then run this again: it goes on where it stopped"
        ) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(
                f"{folder}: another process is getting these files; wait until it is done"
            ) from None
        yield


def _get(download: Download, source: Source, folder: Path, listener: Listener) -> None:
    archive = download.file.endswith(_ARCHIVES)
    path = folder / download.file
    if archive and _unpacked(download, source, folder).exists():
        return
    if not path.is_file() or _md5(path) != download.md5:
        _receive(download, source, path, listener)
    if archive:
        _unpack(download, source, folder)


def _unpacked(download: Download, source: Source, folder: Path) -> Path:
    """Return the folder that an archive becomes: its own, or that of its name."""
    return folder / (source.unpacked or download.file.partition(".")[0])


def _receive(download: Download, source: Source, path: Path, listener: Listener) -> None:
    partial = path.with_name(f"{path.name}.partial")
    _download(download, source, partial, listener)
    found = _md5(partial)
    if found != download.md5:
        partial.unlink()
        raise DatasetError(
            f"{download.address}: has MD5 {found}, the official file has {download.md5}; what was "
            f"got is deleted. Run this again; if that does not help, see {source.page} and put "
            f"{download.file} into {path.parent} yourself"
        )
    partial.replace(path)


def _download(download: Download, source: Source, partial: Path, listener: Listener) -> None:
    there = partial.stat().st_size if partial.exists() else 0
    try:
        with _opened(download.address, there) as response:
            start = there if response.status == HTTPStatus.PARTIAL_CONTENT else 0
            length = response.headers.get("Content-Length")
            total = start + int(length) if length else None
            with partial.open("r+b" if start else "wb") as file:
                file.seek(start)
                _copy(response, file, lambda done: listener(download.file, done, total))
                there = file.tell()
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and there:
            return  # all of it was there already, or too much: the checksum tells
        raise DatasetError(
            f"{download.address}: the server answers {error.code} {error.reason}; try again later, "
            f"or see {source.page} and put {download.file} into {partial.parent} yourself"
        ) from None
    except _BROKEN as e:
        reason = getattr(e, "reason", None) or str(e) or type(e).__name__
        raise DatasetError(
            f"{download.address}: cannot be got: {reason}. See whether the network is there, then "
            "run this again: it goes on where it stopped"
        ) from None
    if total is not None and there < total:
        raise DatasetError(
            f"{download.address}: the connection broke off after {there:,} of {total:,} bytes; run "
            "this again: it goes on where it stopped"
        )


def _opened(address: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": f"neuronas/{version('neuronas')}"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(address, headers=headers)
    opened: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    return opened


def _copy(
    response: http.client.HTTPResponse, file: IO[bytes], listener: Callable[[int], None]
) -> None:
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        listener(file.tell())


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unpack(download: Download, source: Source, folder: Path) -> None:
    """Unpack an archive beside its place, then put its folder there at once; delete the archive."""
    archive = folder / download.file
    target = _unpacked(download, source, folder)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder) as temporary:
        try:
            # Zip files have no filter, and tar files none before Python 3.11.4.
            if archive.suffix != ".zip" and hasattr(tarfile, "data_filter"):
                shutil.unpack_archive(archive, temporary, filter="data")
            else:
                shutil.unpack_archive(archive, temporary)
        except _DAMAGED as error:
            raise DatasetError(
                f"{archive}: cannot be unpacked: {error}; delete it and run this again"
            ) from None
        unpacked = Path(temporary) / target.name
        if not unpacked.is_dir():
            raise DatasetError(
                f"{archive}: has no folder {target.name}; see {source.page} for its layout"
            )
        unpacked.rename(target)
    archive.unlink()
