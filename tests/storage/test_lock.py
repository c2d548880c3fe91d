"""Locks beside a database: for whoever creates tables, and those that earlier versions held."""

from __future__ import annotations

import fcntl
import subprocess
import sys

import pytest

from neuronas.errors import StorageError
from neuronas.storage import Repository
from neuronas.storage.lock import creation_lock, is_searched_by_earlier_version
from tests.searching.fakes import rows

FIRST = """
import sys
from neuronas.storage import Repository, open_study
with Repository(sys.argv[1], create=True):
    open_study(sys.argv[1], sys.argv[2], {"accuracy": "maximize"})
"""


def test_a_folder_that_is_not_there_is_an_error_of_storage(tmp_path):
    url = f"sqlite:///{tmp_path}/no/such.db"
    with pytest.raises(StorageError, match="cannot be opened"), creation_lock(url):
        pass


@pytest.mark.parametrize("database", ["sqlite_url", "pgbouncer_url"])
def test_first_studies_of_a_new_database_do_not_collide(request, database):
    """Alembic and Optuna both look for their tables and then create them."""
    url = request.getfixturevalue(database)
    command = [sys.executable, "-c", FIRST, url]
    both = [subprocess.Popen([*command, name], stderr=subprocess.PIPE) for name in ("a", "b")]
    for process in both:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    with Repository(url) as repository:
        assert repository.studies() == []
    assert {row["study_name"] for row in rows(url, "SELECT study_name FROM studies")} == {"a", "b"}


def test_a_search_of_an_earlier_version_is_seen_by_its_lock(url, tmp_path):
    assert not is_searched_by_earlier_version(url, "test")
    with (tmp_path / ".neuronas.db.test.lock").open("w") as lock:
        assert not is_searched_by_earlier_version(url, "test")  # left by one that ended
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_searched_by_earlier_version(url, "test")
        assert not is_searched_by_earlier_version(url, "other")
    assert not is_searched_by_earlier_version("postgresql://ann@h/nas", "test")
