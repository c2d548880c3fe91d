"""What lasts: our tables beside Optuna's, in one database."""

from neuronas.storage.bridge import (
    RETRY_OF,
    OpenTrial,
    ReopenedTrial,
    chosen_values,
    enqueue,
    enqueue_again,
    is_asked_for,
    is_enqueued,
    is_waiting,
    open_optuna_study,
    queued,
    require_unused_name,
    set_constraints,
    unfinished_trials,
)
from neuronas.storage.faults import translated_errors
from neuronas.storage.lock import is_searched, study_lock
from neuronas.storage.repository import Repository
from neuronas.storage.upkeep import (
    DatabaseStatus,
    back_up_database,
    database_status,
    upgrade_database,
)
from neuronas.storage.urls import DEFAULT_URL, resolve_url, shown_url, storage_option

__all__ = [
    "DEFAULT_URL",
    "RETRY_OF",
    "DatabaseStatus",
    "OpenTrial",
    "ReopenedTrial",
    "Repository",
    "back_up_database",
    "chosen_values",
    "database_status",
    "enqueue",
    "enqueue_again",
    "is_asked_for",
    "is_enqueued",
    "is_searched",
    "is_waiting",
    "open_optuna_study",
    "queued",
    "require_unused_name",
    "resolve_url",
    "set_constraints",
    "shown_url",
    "storage_option",
    "study_lock",
    "translated_errors",
    "unfinished_trials",
    "upgrade_database",
]
