"""Engines: they keep processes of the plain worker command alive, and never see a trial."""

from neuronas.service.engines.contract import check_engine
from neuronas.service.engines.names import engine_names, new_engine
from neuronas.service.engines.pool import Pool, kept_pool, new_pool, pool_folder
from neuronas.service.engines.protocol import Change, Engine, State, WorkerStatus

__all__ = [
    "Change",
    "Engine",
    "Pool",
    "State",
    "WorkerStatus",
    "check_engine",
    "engine_names",
    "kept_pool",
    "new_engine",
    "new_pool",
    "pool_folder",
]
