"""Files that are whole at any time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from neuronas.files import write_whole


def test_many_may_write_one_file_at_once_and_a_reader_sees_one_of_them_whole(tmp_path):
    path, contents = tmp_path / "file", [bytes([digit]) * 2_000_000 for digit in range(4)]
    seen = set()
    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(write_whole, path, contents[n % 4]) for n in range(40)]
        while not all(one.done() for one in writing):
            if path.exists():
                seen.add(path.read_bytes())
        for one in writing:
            one.result()
    assert seen <= set(contents)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_stood_there_stays_where_the_new_content_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
