"""Where an SQLite file lies: it keeps its promises on a disk of this machine only."""

from __future__ import annotations

import re
from pathlib import Path

from neuronas.errors import StorageError
from neuronas.storage.urls import is_sqlite, sqlite_path

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p", "davfs"),
    *("lustre", "beegfs", "fhgfs", "gpfs", "ceph", "glusterfs", "orangefs", "pvfs2", "panfs"),
    *("ocfs2", "wekafs", "fuse.sshfs", "fuse.ceph", "fuse.glusterfs", "fuse.beegfs"),
    *("fuse.davfs2", "fuse.gcsfuse", "fuse.rclone", "fuse.s3fs"),
}


def require_local_disk(url: str) -> None:
    """Raise StorageError if the database is an SQLite file on a network file system."""
    if not is_sqlite(url):
        return
    path = sqlite_path(url)
    kind = _kind_below(path.resolve())
    if kind in _NETWORK:
        raise StorageError(
            f"{path} lies on a network file system ({kind}), where SQLite may lose what was "
            "stored; use a disk of this machine, or PostgreSQL: "
            "--storage postgresql://USER@HOST/DATABASE"
        )


def _kind_below(path: Path) -> str | None:
    """Return the file system that a path lies on; None where the system does not tell."""
    if not _MOUNTS.is_file():
        return None
    kinds: dict[Path, str] = {}
    for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        mount, _, rest = line.partition(" - ")
        kinds[Path(_unescaped(mount.split()[4]))] = rest.split()[0]  # a later one hides earlier
    return next((kinds[folder] for folder in (path, *path.parents) if folder in kinds), None)


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)
