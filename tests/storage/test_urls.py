"""Storage URLs: where they come from, and that passwords stay hidden."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neuronas.errors import StorageError
from neuronas.storage import resolve_url, shown_url, storage_option
from neuronas.storage.urls import driver_url

URL = "postgresql://ann:s3cret@db.lab:5433/nas"


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch):
    for name in ("NEURONAS_STORAGE", "NEURONAS_STORAGE_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "url"
    path.write_text(f"{URL}\n")
    path.chmod(0o600)
    return path


def test_the_url_may_stand_in_a_file_that_only_its_user_reads(secret, monkeypatch):
    assert resolve_url(f"@{secret}") == URL
    monkeypatch.setenv("NEURONAS_STORAGE_FILE", str(secret))
    assert resolve_url(None) == URL
    monkeypatch.setenv("NEURONAS_STORAGE", "sqlite:///environment.db")
    assert resolve_url(None) == "sqlite:///environment.db"
    assert resolve_url("sqlite:///given.db") == "sqlite:///given.db"


@pytest.mark.parametrize("mode", [0o644, 0o602, 0o660])
def test_a_file_that_others_can_use_is_refused(secret, mode):
    secret.chmod(mode)
    with pytest.raises(StorageError) as caught:
        resolve_url(f"@{secret}")
    assert str(caught.value) == (
        f"{secret}: holds the storage URL, but has mode {mode:04o}, so that others can use it; "
        f"run: chmod 600 {secret}"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of root's")
def test_a_secret_that_a_cluster_mounts_may_be_read_by_roots_group(secret):
    secret.chmod(0o440)
    assert resolve_url(f"@{secret}") == URL


@pytest.mark.parametrize("content", ["", "two words\n", f"{URL}\n{URL}\n"])
def test_a_file_with_anything_but_one_url_is_refused(secret, content):
    secret.write_text(content)
    with pytest.raises(StorageError, match="expected one line with the storage URL"):
        resolve_url(f"@{secret}")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"no: cannot be read as .*: No such file"):
        resolve_url(f"@{tmp_path}/no")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "postgresql://ann@db.lab:5433/nas"),
        ("postgresql+psycopg://ann:a%40b@h/nas", "postgresql+psycopg://ann@h/nas"),
        (
            "postgresql://h/nas?password=s3cret&sslmode=require",
            "postgresql://h/nas?sslmode=require",
        ),
        ("postgresql://ann@h/nas", "postgresql://ann@h/nas"),
        ("postgresql://ann:s3cret@h:port/nas", "postgresql://..."),
        ("sqlite:///neuronas.db", "sqlite:///neuronas.db"),
        ("neuronas.db", "neuronas.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url, shown):
    assert shown_url(url) == shown


def test_the_driver_is_psycopg_3_whatever_the_url_says():
    assert driver_url(URL) == "postgresql+psycopg://ann:s3cret@db.lab:5433/nas"
    assert driver_url("postgresql+psycopg://h/nas") == "postgresql+psycopg://h/nas"


def test_braces_in_a_password_are_no_template_of_optunas():
    assert driver_url("postgresql://ann:a{b}c@h/nas").format() == (
        "postgresql+psycopg://ann:a%7Bb%7Dc@h/nas"
    )


def test_what_to_write_after_a_command_has_no_password(secret, monkeypatch):
    assert storage_option("sqlite:///a.db") == " --storage sqlite:///a.db"
    assert storage_option(URL) == " --storage @FILE, where FILE (mode 0600) holds the URL"
    monkeypatch.setenv("NEURONAS_STORAGE_FILE", str(secret))
    assert storage_option(URL) == ""


@pytest.mark.parametrize(
    "url", ["postgresql://lab:p@ss/w:rd%1@localhost:5432/nas", "postgresql://l@b:secret@h/nas?a=b"]
)
def test_an_at_sign_in_a_password_is_told_of_without_showing_any_of_it(url):
    with pytest.raises(StorageError) as caught:
        driver_url(url)
    assert str(caught.value) == (
        "storage: found 'postgresql://...' with more than one '@'; in a user name or password '@' "
        "is written %40, '/' %2F, ':' %3A and '%' %25"
    )
    assert shown_url(url) == "postgresql://..."
