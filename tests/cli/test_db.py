"""``neuronas db``: status, upgrade and backup, on both kinds of database."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing

import pytest

from neuronas.storage.schema import newest_revision
from tests import postgres
from tests.searching.fakes import rows, trials_of


@pytest.fixture
def on_server(run, study, evaluator, postgres_url, monkeypatch):
    """Search the study on a server; return its URL, which stands in the environment."""
    monkeypatch.setenv("NEURONAS_STORAGE", postgres_url)
    done = run("search", study, "--trials", 2)
    assert done.code == 0
    assert "s3cret" not in done.out + done.err
    return postgres_url


def test_status_says_what_the_database_is(run, searched):
    done = run("db", "status", "--format", "json")
    found = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (found["kind"], found["version"]) == ("SQLite", sqlite3.sqlite_version)
    assert (found["studies"], found["trials"], found["is_current"]) == (1, 6, True)
    assert found["schema"] == found["newest_schema"] == newest_revision()
    assert found["size_bytes"] > 100_000
    assert newest_revision() in run("db", "status").out


def test_status_of_a_server_has_no_password(run, on_server):
    done = run("db", "status", "--format", "json")
    found = json.loads(done.out)
    assert (found["kind"], found["studies"], found["trials"]) == ("PostgreSQL", 1, 2)
    assert found["url"].startswith("postgresql://neuronas@127.0.0.1:")
    assert found["version"][0].isdigit()
    assert "s3cret" not in done.out + run("db", "status").out


def test_upgrade_says_that_there_is_nothing_to_do(run, searched):
    done = run("db", "upgrade")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"schema {newest_revision()} is this version's; nothing to do\n"


def test_a_backup_of_a_file_is_a_database_and_overwrites_nothing(run, searched, tmp_path):
    copy = tmp_path / "copy.db"
    done = run("db", "backup", copy)
    assert (done.code, done.out) == (0, "")
    assert f"copied to {copy}, " in done.err
    assert trials_of(f"sqlite:///{copy}", "tiny") == trials_of("sqlite:///neuronas.db", "tiny")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600

    content = copy.read_bytes()
    again = run("db", "backup", copy)
    assert again.code == 5
    assert f"{copy}: is there already; a backup never overwrites a file" in again.err
    assert copy.read_bytes() == content
    assert not list(tmp_path.glob("*.partial"))


def test_a_backup_while_another_process_writes_is_of_one_moment(run, searched, tmp_path):
    with closing(sqlite3.connect("neuronas.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM neuronas_front")
        assert run("db", "backup", tmp_path / "copy.db").code == 0
        writer.execute("ROLLBACK")
    assert rows(f"sqlite:///{tmp_path}/copy.db", "SELECT * FROM neuronas_front")


def test_a_backup_that_cannot_be_written_leaves_nothing(run, searched, tmp_path):
    done = run("db", "backup", tmp_path / "no" / "copy.db")
    assert done.code == 5
    assert "copy.db: cannot be written: No such file or directory" in done.err


def test_a_backup_of_a_server_comes_back(run, on_server, postgres_server, tmp_path, monkeypatch):
    for name in ("pg_dump", "pg_restore"):
        program = postgres.program(name)
        assert program is not None
        monkeypatch.setenv("PATH", f"{os.path.dirname(program)}:{os.environ['PATH']}")
    dump = tmp_path / "dump"
    done = run("db", "backup", dump)
    assert (done.code, done.out) == (0, ""), done.err
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    with postgres.database(postgres_server, "restored") as url:
        subprocess.run(["pg_restore", f"--dbname={url}", dump], check=True)
        assert trials_of(url, "tiny") == trials_of(on_server, "tiny")


def test_a_backup_of_a_server_needs_pg_dump(run, on_server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    done = run("db", "backup", tmp_path / "dump")
    assert done.code == 5
    assert "pg_dump is not installed here" in done.err
    assert not (tmp_path / "dump").exists()


def test_a_backup_through_a_pooler_is_refused(run, pgbouncer_url, study, evaluator, tmp_path):
    assert run("search", study, "--trials", 1, "--storage", pgbouncer_url).code == 0
    done = run("db", "backup", tmp_path / "dump", "--storage", pgbouncer_url)
    assert done.code == 5
    assert "is a pooler such as pgbouncer" in done.err
    assert "s3cret" not in done.err


def test_a_database_without_studies_is_called_so(run, postgres_url):
    for command in (["status"], ["upgrade"], ["backup", "copy"]):
        done = run("db", *command, "--storage", postgres_url)
        assert done.code == 5
        assert "holds no study of neuronas" in done.err
        assert "s3cret" not in done.err


def test_how_to_go_on_has_no_password(run, on_server, monkeypatch, tmp_path):
    (tmp_path / "network.json").write_text(
        json.dumps(json.loads(run("show", "tiny", 0, "--format", "json").out))
    )
    queued = run("enqueue", "tiny", tmp_path / "network.json")
    assert queued.err.endswith("neuronas resume tiny\n")
    monkeypatch.delenv("NEURONAS_STORAGE")
    queued = run("enqueue", "tiny", tmp_path / "network.json", "--storage", on_server)
    assert "neuronas resume tiny --storage @FILE, where FILE" in queued.err
    assert "s3cret" not in queued.err
