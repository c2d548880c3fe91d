"""Where the gateway's token is, and who may read it."""

from __future__ import annotations

import pytest

from neuronas.errors import ConfigError
from neuronas.service.gateway import find_token

POSTGRESQL = "postgresql://lab@db/studies"


@pytest.fixture(autouse=True)
def _no_token_of_the_user(monkeypatch):
    monkeypatch.delenv("NEURONAS_TOKEN", raising=False)


def test_the_token_is_made_once_beside_the_database_for_its_owner_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/neuronas.db"
    first, second = find_token(url), find_token(url)
    file = tmp_path / "neuronas.db.token"
    assert (first.made, second.made) == (True, False)
    assert first.value == second.value == file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(first.value) >= 43
    assert first.value not in repr(first)
    assert find_token(url, tmp_path / "other").value != first.value


def test_without_a_database_file_it_is_in_the_users_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert find_token(POSTGRESQL).origin == str(tmp_path / "neuronas" / "gateway.token")


def test_the_environments_token_is_taken_unless_a_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURONAS_TOKEN", "from-the-environment")
    assert find_token(POSTGRESQL).value == "from-the-environment"
    assert find_token(POSTGRESQL, tmp_path / "token").made


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_that_others_may_read_is_refused(tmp_path, mode):
    file = tmp_path / "token"
    find_token(POSTGRESQL, file)
    file.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {file}"):
        find_token(POSTGRESQL, file)


@pytest.mark.parametrize("content", [b"", b"short", b"with a space in it all", b"\xff" * 20])
def test_what_is_no_token_is_refused(tmp_path, content):
    file = tmp_path / "token"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="token"):
        find_token(POSTGRESQL, file)


def test_a_short_token_of_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv("NEURONAS_TOKEN", "1234")
    with pytest.raises(ConfigError, match=r"(?s)NEURONAS_TOKEN.*16 to 256"):
        find_token(POSTGRESQL)


def test_a_file_that_cannot_be_made_is_told(tmp_path):
    with pytest.raises(ConfigError, match="--token-file"):
        find_token(POSTGRESQL, tmp_path / "absent" / "token")
    with pytest.raises(ConfigError, match=r"owner alone|cannot be read"):
        find_token(POSTGRESQL, tmp_path)
