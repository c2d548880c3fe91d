"""One live search per study, across real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from neuronas.errors import StorageError, StudyLockedError
from neuronas.storage import Repository, is_searched, study_lock
from tests.searching.fakes import FakeEvaluator, rows, run, study_config

HOLDER = """
import sys, time
from neuronas.storage import study_lock
with study_lock(sys.argv[1], sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def held(url: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock of a study."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, name], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.communicate()


def test_a_second_live_process_is_refused_by_name_until_the_first_is_killed(url):
    with held(url, "test") as holder:
        assert is_searched(url, "test")
        evaluator = FakeEvaluator()
        with pytest.raises(StudyLockedError) as caught:
            run(study_config(), url, evaluator)
        message = str(caught.value)
        assert message.startswith("study 'test' in ")
        assert f"is being searched by process {holder.pid};" in message
        assert evaluator.calls == []
        assert run(study_config(name="other"), url, trials=1).study.state == "finished"

        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert not is_searched(url, "test")
        assert run(study_config(), url, trials=2).study.counts["trained"] == 2


def test_the_same_process_cannot_hold_a_lock_twice(url):
    with study_lock(url, "test"):
        assert is_searched(url, "test")
        assert not is_searched(url, "other")
        with pytest.raises(StudyLockedError), study_lock(url, "test"):
            pass
        assert is_searched(url, "test")
    assert not is_searched(url, "test")


def test_an_error_inside_releases_the_lock(url):
    with pytest.raises(RuntimeError), study_lock(url, "test"):
        raise RuntimeError
    assert not is_searched(url, "test")


def test_locks_of_two_databases_in_one_folder_differ(tmp_path):
    one, other = f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/other.db"
    with study_lock(one, "test"):
        assert not is_searched(other, "test")


def test_a_folder_that_is_not_there_is_an_error_of_storage(tmp_path):
    url = f"sqlite:///{tmp_path}/no/such.db"
    with pytest.raises(StorageError, match="cannot be opened"), study_lock(url, "test"):
        pass


def test_the_longest_name_can_be_locked(url):
    with study_lock(url, "n" * 100):
        assert is_searched(url, "n" * 100)


FIRST = """
import sys
from neuronas.storage import Repository, open_optuna_study
with Repository(sys.argv[1], create=True):
    open_optuna_study(sys.argv[1], sys.argv[2], {"accuracy": "maximize"})
"""


def test_a_server_keeps_the_lock_of_a_study(postgres_url):
    with study_lock(postgres_url, "test"):
        assert is_searched(postgres_url, "test")
        assert not is_searched(postgres_url, "other")
        with (
            pytest.raises(StudyLockedError, match=r"in postgresql://neuronas@127\.0\.0\.1:.*/test"),
            study_lock(postgres_url, "test"),
        ):
            pass
        with study_lock(postgres_url, "other"):
            assert is_searched(postgres_url, "test")
    assert not is_searched(postgres_url, "test")


def test_a_server_that_ends_idle_transactions_does_not_end_a_lock(postgres_server, postgres_url):
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = 50")
    with study_lock(postgres_url, "test"):
        time.sleep(0.3)
        assert is_searched(postgres_url, "test")


def test_the_lock_of_a_process_that_died_is_free(postgres_url):
    with held(postgres_url, "test") as holder:
        assert is_searched(postgres_url, "test")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        for _ in range(100):  # the server notices that its client is gone
            if not is_searched(postgres_url, "test"):
                return
            time.sleep(0.05)
    pytest.fail("the lock is still held")


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
