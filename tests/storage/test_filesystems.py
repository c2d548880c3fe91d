"""Where an SQLite file may lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuronas.errors import StorageError
from neuronas.storage import Repository, filesystems

MOUNTS = """\
22 27 0:21 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:22 / {folder}/home rw - nfs4 server:/home rw
24 23 0:23 / {folder}/home/scratch\\040disk rw shared:2 master:1 - xfs /dev/sdb1 rw
25 22 0:24 / {folder}/twice rw - nfs server:/old rw
26 25 0:25 / {folder}/twice rw - tmpfs tmpfs rw
27 22 0:26 / {folder}/remote rw - fuse.sshfs me@server:/ rw
"""


@pytest.fixture(autouse=True)
def _mounted(tmp_path, monkeypatch):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(folder=tmp_path))
    monkeypatch.setattr(filesystems, "_MOUNTS", mounts)
    for name in ("home/me", "home/scratch disk/me", "twice", "remote", "homely"):
        (tmp_path / name).mkdir(parents=True)


@pytest.mark.parametrize(("folder", "kind"), [("home/me", "nfs4"), ("remote", "fuse.sshfs")])
def test_a_network_file_system_is_refused_before_anything_is_written(tmp_path, folder, kind):
    path = tmp_path / folder / "neuronas.db"
    with pytest.raises(StorageError) as caught:
        Repository(f"sqlite:///{path}", create=True)
    assert f"{path} lies on a network file system ({kind})" in str(caught.value)
    assert "PostgreSQL" in str(caught.value)
    assert list(path.parent.iterdir()) == []


def test_a_link_to_a_network_file_system_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "home" / "me")
    with pytest.raises(StorageError, match="network file system"):
        Repository(f"sqlite:///{tmp_path}/link/neuronas.db", create=True)


@pytest.mark.parametrize("folder", ["home/scratch disk/me", "twice", "homely"])
def test_a_disk_of_this_machine_is_fine(tmp_path, folder):
    Repository(f"sqlite:///{tmp_path / folder}/neuronas.db", create=True).close()


def test_what_lies_on_a_network_file_system_can_be_read(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/home/me/neuronas.db"
    with monkeypatch.context() as patch:
        patch.setattr(filesystems, "_MOUNTS", Path("/nowhere"))
        Repository(url, create=True).close()
    with Repository(url) as repository:
        assert repository.studies() == []
