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
    optuna_storage,
    queued,
    require_unused_name,
    set_constraints,
    unfinished_trials,
)
from neuronas.storage.database import require_existing
from neuronas.storage.faults import translated_errors
from neuronas.storage.figures import Figures, StudyFigures
from neuronas.storage.lock import is_searched, study_lock
from neuronas.storage.repository import Repository
from neuronas.storage.upkeep import (
    DatabaseStatus,
    back_up_database,
    database_status,
    upgrade_database,
)
from neuronas.storage.urls import (
    DEFAULT_URL,
    is_sqlite,
    resolve_url,
    shown_url,
    sqlite_path,
    storage_option,
)

__all__ = [
    "DEFAULT_URL",
    "RETRY_OF",
    "DatabaseStatus",
    "Figures",
    "OpenTrial",
    "ReopenedTrial",
    "Repository",
    "StudyFigures",
    "back_up_database",
    "chosen_values",
    "database_status",
    "enqueue",
    "enqueue_again",
    "is_asked_for",
    "is_enqueued",
    "is_searched",
    "is_sqlite",
    "is_waiting",
    "open_optuna_study",
    "optuna_storage",
    "queued",
    "require_existing",
    "require_unused_name",
    "resolve_url",
    "set_constraints",
    "shown_url",
    "sqlite_path",
    "storage_option",
    "study_lock",
    "translated_errors",
    "unfinished_trials",
    "upgrade_database",
]
