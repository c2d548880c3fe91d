"""What lasts: our tables beside Optuna's, in one database."""

from neuronas.storage.bridge import (
    RETRY_OF,
    Handle,
    SharedStudy,
    chosen_values,
    enqueue,
    existing_study,
    is_asked_for,
    is_enqueued,
    is_retry,
    next_waiting,
    open_study,
    optuna_storage,
    queued,
    require_unused_name,
    set_constraints,
)
from neuronas.storage.database import require_existing
from neuronas.storage.deleting import Deleted, delete_study
from neuronas.storage.faults import translated_errors
from neuronas.storage.figures import Figures, StudyFigures
from neuronas.storage.ledger import Ledger
from neuronas.storage.proposals import Drawn, Proposal, Refusal
from neuronas.storage.reaping import Reaper
from neuronas.storage.repository import Repository
from neuronas.storage.traffic import Traffic, counted_traffic
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
from neuronas.storage.workers import LEASE_SECONDS, Origin

__all__ = [
    "DEFAULT_URL",
    "LEASE_SECONDS",
    "RETRY_OF",
    "DatabaseStatus",
    "Deleted",
    "Drawn",
    "Figures",
    "Handle",
    "Ledger",
    "Origin",
    "Proposal",
    "Reaper",
    "Refusal",
    "Repository",
    "SharedStudy",
    "StudyFigures",
    "Traffic",
    "back_up_database",
    "chosen_values",
    "counted_traffic",
    "database_status",
    "delete_study",
    "enqueue",
    "existing_study",
    "is_asked_for",
    "is_enqueued",
    "is_retry",
    "is_sqlite",
    "next_waiting",
    "open_study",
    "optuna_storage",
    "queued",
    "require_existing",
    "require_unused_name",
    "resolve_url",
    "set_constraints",
    "shown_url",
    "sqlite_path",
    "storage_option",
    "translated_errors",
    "upgrade_database",
]
