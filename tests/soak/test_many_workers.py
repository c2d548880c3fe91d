"""Sixty-four workers behind a pooler with ten connections; they do everything but train."""

from __future__ import annotations

import pytest

from neuronas.benchmarks.service import NEURONAS, run_clients
from neuronas.records import CandidateState
from neuronas.storage import Repository
from tests import postgres

CLIENTS, TRIALS, CONNECTIONS = 64, 256, 10


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_sixty_four_workers_share_ten_connections_without_an_error():
    with (
        postgres.folder() as place,
        postgres.folder() as pooler,
        postgres.server(place) as server,
        postgres.database(server, "many") as url,
        postgres.pgbouncer(server, pooler, connections=CONNECTIONS) as port,
    ):
        pooled = url.replace(f":{server.port}/", f":{port}/")
        run_clients(pooled, NEURONAS, CLIENTS, TRIALS, 0.5)
        with Repository(url) as repository:
            (study,) = repository.studies()
            workers = repository.workers(study.name)
            trials = repository.trials(study.name)
        assert study.counts["trained"] == TRIALS
        assert {trial.state for trial in trials} == {CandidateState.COMPLETE}
        assert len({t.candidate.deployment_digest for t in trials}) == len(trials)
        assert len({worker.slot for worker in workers}) == len(workers) == CLIENTS
        assert not any(worker.alive for worker in workers)
