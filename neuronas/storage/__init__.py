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
from neuronas.storage.database import (
    DEFAULT_URL,
    database_file,
    require_existing,
    resolve_url,
    translated_errors,
)
from neuronas.storage.figures import Figures, StudyFigures
from neuronas.storage.lock import is_searched, study_lock
from neuronas.storage.repository import Repository

__all__ = [
    "DEFAULT_URL",
    "RETRY_OF",
    "Figures",
    "OpenTrial",
    "ReopenedTrial",
    "Repository",
    "StudyFigures",
    "chosen_values",
    "database_file",
    "enqueue",
    "enqueue_again",
    "is_asked_for",
    "is_enqueued",
    "is_searched",
    "is_waiting",
    "open_optuna_study",
    "optuna_storage",
    "queued",
    "require_existing",
    "require_unused_name",
    "resolve_url",
    "set_constraints",
    "study_lock",
    "translated_errors",
    "unfinished_trials",
]
