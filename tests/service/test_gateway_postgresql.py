"""The gateway on PostgreSQL, and a server that goes away and comes back."""

from __future__ import annotations

from contextlib import closing

from neuronas.service.gateway import Gateway
from tests import postgres
from tests.searching.fakes import run, study_config
from tests.service.requests import ask

PATHS = ("/health", "/metrics", "/api/studies", "/api/studies/1", "/csv/1")


def test_studies_are_shown_and_a_server_may_go_away_and_come_back():
    with (
        postgres.folder() as folder,
        postgres.server(folder) as server,
        postgres.database(server, "studies") as url,
    ):
        run(study_config(search={"trials": 4}), url)
        with closing(Gateway(url, None)) as gateway:
            assert len(ask(gateway, "/api/studies/1").json["trials"]) >= 4
            complete = 'neuronas_trials{state="complete",study="test"} 4.0'
            assert complete in ask(gateway, "/metrics").text
            assert [ask(gateway, path).status for path in PATHS] == [200] * 5
            server.stop()
            assert [ask(gateway, path).status for path in PATHS] == [503] * 5
            server.start()
            assert [ask(gateway, path).status for path in PATHS] == [200] * 5
            server.stop()
            server.start()  # nobody asked meanwhile: connections are stale
            assert [ask(gateway, path).status for path in PATHS] == [200] * 5
