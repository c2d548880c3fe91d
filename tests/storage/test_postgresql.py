"""A PostgreSQL server: searching on it, through a pooler, and its faults in plain words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa

from neuronas.errors import StorageError, StorageUnavailableError
from neuronas.searching import load_result
from neuronas.storage import Repository, open_optuna_study, translated_errors
from neuronas.storage.database import create_engine, engine_options
from tests import postgres
from tests.searching.fakes import rows, run, study_config

DIRECTIONS = {"accuracy": "maximize", "energy": "minimize"}


def test_a_study_is_searched_and_read_and_its_password_is_nowhere(postgres_url):
    result = run(study_config(), postgres_url, trials=4)
    assert result.study.counts["trained"] == 4
    assert load_result(postgres_url, "test") == result
    assert "s3cret" not in repr(result)
    for table in ("neuronas_studies", "studies", "version_info"):
        assert "s3cret" not in repr(rows(postgres_url, f"SELECT * FROM {table}"))


def test_a_study_is_searched_through_pgbouncer(pgbouncer_url):
    assert run(study_config(), pgbouncer_url, trials=8).study.counts["trained"] == 8
    assert run(study_config(), pgbouncer_url, trials=9).study.counts["trained"] == 9


def test_many_may_start_at_once_before_a_pooler_with_few_connections(pgbouncer_url):
    run(study_config(), pgbouncer_url, trials=1)

    def start(_: int) -> int:
        with Repository(pgbouncer_url) as repository:
            study = open_optuna_study(pgbouncer_url, "test", DIRECTIONS)
            return len(study.get_trials()) + len(repository.trials("test"))

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(start, range(16))) == {2}


def test_optuna_connects_as_we_do_and_keeps_few_connections(postgres_url):
    options = engine_options(postgres_url)
    assert options["connect_args"]["prepare_threshold"] is None
    with Repository(postgres_url, create=True):
        study = open_optuna_study(postgres_url, "test", DIRECTIONS)
        for engine in (study._storage._backend.engine, create_engine(postgres_url)):
            with engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert driver.prepare_threshold is None
                told = driver.info.get_parameters()
                assert (told["keepalives_idle"], told["tcp_user_timeout"]) == ("5", "8000")
            assert engine.pool.size() + engine.pool._max_overflow == 3
            engine.dispose()


def test_what_the_url_says_itself_holds(postgres_url):
    engine = create_engine(f"{postgres_url}?connect_timeout=31")
    with engine.connect() as connection:
        told = connection.connection.driver_connection.info.get_parameters()
    assert told["connect_timeout"] == "31"
    engine.dispose()


def test_times_are_in_utc_whatever_the_servers_zone(postgres_url):
    result = run(study_config(), postgres_url, trials=1)
    (row,) = rows(
        postgres_url, "SELECT created_at, current_setting('timezone') FROM neuronas_studies"
    )
    assert row["current_setting"] == "Asia/Kolkata"
    assert result.study.created_at == row["created_at"]
    assert {event.time.utcoffset().total_seconds() for event in result.history} == {0}


# Faults


def fault(url: str, *, create: bool = True) -> StorageError:
    with pytest.raises(StorageError) as caught:
        Repository(url, create=create)
    assert "s3cret" not in str(caught.value)
    return caught.value


def test_a_server_that_is_away_may_come_back(postgres_server, postgres_url):
    run(study_config(), postgres_url, trials=1)
    with Repository(postgres_url) as repository:
        assert repository.study("test")
        postgres_server.stop()
        try:
            with pytest.raises(StorageUnavailableError) as caught:
                repository.study("test")
            away = fault(postgres_url)
        finally:
            postgres_server.start()
        assert repository.study("test")
    for error in (caught.value, away):
        assert str(error).startswith("postgresql://neuronas@127.0.0.1:")
        assert "cannot be reached, or was restarted; nothing that was stored is lost" in str(error)
        assert "s3cret" not in str(error)
    assert isinstance(away, StorageUnavailableError)


def test_a_connection_that_is_cut_is_unavailable_for_us_and_for_optuna(postgres_url):
    study = run_and_open(postgres_url)
    with Repository(postgres_url) as repository:
        with pytest.raises(StorageUnavailableError):
            write_while_cut(repository)
        assert repository.study("test")

    @sa.event.listens_for(study._storage._backend.engine, "before_cursor_execute", once=True)
    def _cut(*_: object) -> None:
        cut(postgres_url)

    with pytest.raises(StorageUnavailableError), translated_errors(postgres_url):
        study.ask()


def write_while_cut(repository: Repository) -> None:
    with repository._writing() as session:
        session.execute(sa.text("SELECT 1"))
        cut(repository.url)
        session.execute(sa.text("SELECT 1"))


def run_and_open(url: str):
    run(study_config(), url, trials=1)
    return open_optuna_study(url, "test", DIRECTIONS)


def cut(url: str) -> None:
    rows(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("s3cret%2Fpass%40word", "s3cret2", "does not let this user in; check user and password"),
        ("neuronas:", "nobody:", "does not let this user in; check user and password"),
        ("/test", "/none", "there is no such database"),
    ],
)
def test_what_no_retry_cures_is_told_apart(postgres_url, old, new, said):
    error = fault(postgres_url.replace(old, new))
    assert said in str(error)
    assert not isinstance(error, StorageUnavailableError)


def test_what_a_user_may_not_do_is_said(postgres_server, postgres_url):
    name = postgres_url.rpartition("/")[2]
    guest = postgres_url.replace("neuronas:s3cret%2Fpass%40word", "guest:s3cret")
    postgres_server.execute("CREATE ROLE guest LOGIN PASSWORD 's3cret'")
    try:
        assert "this user may not do that there" in str(fault(guest))
        postgres_server.execute("ALTER ROLE guest CONNECTION LIMIT 0")
        crowded = fault(guest)
        assert "has no connection left" in str(crowded)
        assert isinstance(crowded, StorageUnavailableError)
    finally:
        postgres_server.execute("DROP ROLE guest")
    postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "the server is read-only" in str(fault(postgres_url))


@pytest.mark.parametrize(
    ("error", "said", "passes"),
    [
        (psycopg.errors.DiskFull(), "the database or its disk is full", False),
        (psycopg.errors.DeadlockDetected(), "try again", True),
        (psycopg.errors.SerializationFailure(), "try again", True),
        (psycopg.errors.CannotConnectNow(), "cannot be reached", True),
        (psycopg.errors.TooManyConnections(), "has no connection left", True),
        (psycopg.OperationalError("FATAL: sorry, too many clients"), "no connection left", True),
        (psycopg.OperationalError("failed to resolve host 'no.invalid'"), "be reached", True),
        (
            psycopg.OperationalError('invalid sslmode value: "on"'),
            "an option in it, is wrong",
            False,
        ),
        (psycopg.OperationalError("server does not support SSL, but"), "has no SSL", False),
        (psycopg.OperationalError("SSL connection has been closed"), "or was restarted", True),
        (psycopg.OperationalError("unsupported startup parameter: x"), "option of the URL", False),
        (psycopg.errors.UndefinedTable("s3cret: relation"), "***: relation", False),
    ],
)
def test_faults_that_pass_can_be_told_from_others(error, said, passes):
    url = "postgresql://ann:s3cret@h/nas"
    with (
        pytest.raises(StorageError, match=r"^postgresql://ann@h/nas: ") as caught,
        translated_errors(url),
    ):
        raise sa.exc.DBAPIError("SELECT", {}, error)
    assert said in str(caught.value)
    assert isinstance(caught.value, StorageUnavailableError) == passes


def test_ci_must_have_a_server(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"\.ci/run installs it"):
        postgres.absent("PostgreSQL")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="PostgreSQL is not installed"):
        postgres.absent("PostgreSQL")
