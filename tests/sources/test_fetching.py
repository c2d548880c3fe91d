"""Getting files from a server that may break off, change them, or be away."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from neuronas.errors import DatasetError
from neuronas.sources import Download, Source, fetch
from tests.sources.server import Served

CONTENT = bytes(range(256)) * 20_000  # a few reads long
PAGE = "https://example.org/data"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def source(server: Served, *names: str, unpacked: str = "") -> Source:
    """Return the source of files that a server has."""
    downloads = tuple(
        Download(f"{server.address}/{name}", name, md5(server.files[f"/{name}"])) for name in names
    )
    return Source(PAGE, "marker", downloads, unpacked)


@pytest.fixture
def one(server) -> Source:
    server.files["/data.bin"] = CONTENT
    return source(server, "data.bin")


def failure(wanted: Source, folder: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        fetch(wanted, folder)
    return str(caught.value)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_files_are_got_and_progress_is_told(server, tmp_path):
    server.files |= {"/a.bin": CONTENT, "/b.bin": b"short"}
    told = []
    fetch(source(server, "a.bin", "b.bin"), tmp_path / "new" / "folder", lambda *p: told.append(p))
    assert names(tmp_path / "new" / "folder") == ["a.bin", "b.bin"]
    assert (tmp_path / "new" / "folder" / "a.bin").read_bytes() == CONTENT
    assert told[-1] == ("b.bin", 5, 5)
    assert ("a.bin", len(CONTENT), len(CONTENT)) in told


def test_what_is_there_is_not_got_again(server, one, tmp_path):
    fetch(one, tmp_path)
    server.asked.clear()
    fetch(one, tmp_path)
    assert server.asked == []


def test_a_damaged_file_is_got_anew(one, tmp_path):
    (tmp_path / "data.bin").write_bytes(CONTENT[:-1])
    fetch(one, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_off_is_told_and_the_next_call_goes_on(
    server, one, tmp_path, ranges
):
    server.ranges = ranges
    server.breaks_after = 3_000_000
    message = failure(one, tmp_path)
    assert message.startswith(one.downloads[0].address)
    assert "run this again: it goes on where it stopped" in message
    there = (tmp_path / "data.bin.partial").stat().st_size
    assert 0 < there <= 3_000_000
    assert names(tmp_path) == ["data.bin.partial"]
    fetch(one, tmp_path)
    assert server.asked[-1] == ("/data.bin", f"bytes={there}-")
    assert names(tmp_path) == ["data.bin"]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_partial_file_that_is_whole_is_checked_and_taken(one, tmp_path):
    (tmp_path / "data.bin.partial").write_bytes(CONTENT)
    fetch(one, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("partial", [CONTENT + b"more", b"another begin"])
def test_a_wrong_partial_file_is_deleted_so_that_the_next_call_starts_anew(one, tmp_path, partial):
    (tmp_path / "data.bin.partial").write_bytes(partial)
    assert "what was got is deleted" in failure(one, tmp_path)
    assert names(tmp_path) == []
    fetch(one, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_another_file_than_the_official_one_is_never_taken(server, one, tmp_path):
    server.files["/data.bin"] = b"<html>we have moved</html>"
    message = failure(one, tmp_path)
    assert md5(server.files["/data.bin"]) in message
    assert one.downloads[0].md5 in message
    assert f"see {PAGE} and put data.bin into {tmp_path}" in message
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_error_of_the_server_is_told(server, one, tmp_path, status):
    server.status = status
    message = failure(one, tmp_path)
    assert f"{one.downloads[0].address}: the server answers {status}" in message
    assert PAGE in message


def test_a_server_that_is_away_is_told(server, tmp_path):
    away = Source(PAGE, "marker", (Download("http://127.0.0.1:1/data.bin", "data.bin", "0"),))
    message = failure(away, tmp_path)
    assert message.startswith("http://127.0.0.1:1/data.bin: cannot be got: ")
    assert "run this again" in message


def test_a_full_disk_is_told_and_what_was_got_is_used_later(one, tmp_path, monkeypatch):
    opened = Path.open

    class Full(io.FileIO):
        def write(self, data: bytes) -> int:
            if self.tell() + len(data) > 2_500_000:
                raise OSError(28, os.strerror(28))
            return super().write(data)

    def small(path: Path, mode: str = "r", **options: object) -> object:
        if path.suffix == ".partial" and mode != "rb":
            return Full(path, mode)
        return opened(path, mode, **options)

    monkeypatch.setattr(Path, "open", small)
    message = failure(one, tmp_path)
    assert message.startswith(f"{tmp_path}: cannot be written: No space left on device; free space")
    monkeypatch.undo()
    assert (tmp_path / "data.bin.partial").stat().st_size > 0
    fetch(one, tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_folder_that_cannot_be_made_is_told(one, tmp_path):
    (tmp_path / "file").touch()
    message = failure(one, tmp_path / "file" / "cifar10")
    assert str(tmp_path / "file") in message
    assert "--data-dir" in message


def test_two_processes_do_not_get_the_same_files_at_once(one, tmp_path):
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another process is getting these files" in failure(one, tmp_path)
    fetch(one, tmp_path)


# Archives.


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(("name", "pack"), [("set.zip", zipped), ("set.tar.gz", tarred)])
def test_an_archive_becomes_its_folder(server, tmp_path, name, pack):
    server.files[f"/{name}"] = pack({"inside/a.txt": b"a", "inside/deep/b.txt": b"b"})
    wanted = source(server, name, unpacked="inside")
    fetch(wanted, tmp_path)
    assert names(tmp_path) == ["inside"]
    assert (tmp_path / "inside" / "deep" / "b.txt").read_bytes() == b"b"
    server.asked.clear()
    fetch(wanted, tmp_path)
    assert server.asked == []


def test_archives_side_by_side_become_folders_of_their_names(server, tmp_path):
    for part in ("Train", "Test"):
        server.files[f"/{part}.zip"] = zipped({f"{part}/0/1.bin": b"12345"})
    fetch(source(server, "Train.zip", "Test.zip"), tmp_path)
    assert names(tmp_path) == ["Test", "Train"]


def test_an_archive_with_another_folder_is_told(server, tmp_path):
    server.files["/set.zip"] = zipped({"other/a.txt": b"a"})
    message = failure(source(server, "set.zip", unpacked="inside"), tmp_path)
    assert "set.zip: has no folder inside" in message
    assert names(tmp_path) == ["set.zip"]


@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz"])
def test_an_archive_that_cannot_be_unpacked_is_told(server, tmp_path, name):
    server.files[f"/{name}"] = b"no archive"
    message = failure(source(server, name, unpacked="inside"), tmp_path)
    assert message.startswith(f"{tmp_path / name}: cannot be unpacked")
    assert names(tmp_path) == [name]


def test_an_archive_never_writes_outside_its_folder(server, tmp_path):
    evil = tarred({"inside/a.txt": b"a", "../../evil.txt": b"evil"})
    server.files["/set.tar.gz"] = evil
    folder = tmp_path / "deep" / "folder"
    failure(source(server, "set.tar.gz", unpacked="inside"), folder)
    assert not list(tmp_path.rglob("evil.txt"))
