"""Our tables, beside Optuna's in the same database; Optuna's are never written from here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    String,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PREFIX = "neuronas_"
VERSION_TABLE = f"{PREFIX}alembic_version"


class UtcTime(TypeDecorator[datetime]):
    """A time, in UTC when it is read: SQLite keeps no zone, PostgreSQL gives its session's."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return a time that was read, with its zone."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables of this package."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own convention
        dict[str, Any]: JSON,
        list[Any]: JSON,
        datetime: UtcTime(),
        float: Double,
    }


class StudyRow(Base):
    """One study: the file it came from, and how far it was asked to go."""

    __tablename__ = f"{PREFIX}studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    config: Mapped[dict[str, Any]]
    config_digest: Mapped[str] = mapped_column(String(64))
    target_trials: Mapped[int]
    reference: Mapped[dict[str, Any]]
    drawn: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    rejections: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), default="running")
    wall_seconds: Mapped[float] = mapped_column(default=0.0)
    counted_until_s: Mapped[float | None]
    environment: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]


class WorkerRow(Base):
    """One process that works on a study; times are seconds since 1970 by the database's clock."""

    __tablename__ = f"{PREFIX}workers"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey(StudyRow.id), index=True)
    uid: Mapped[str] = mapped_column(String(32), unique=True)
    task: Mapped[str] = mapped_column(String(16))
    alone: Mapped[bool]
    slot: Mapped[int]
    host: Mapped[str] = mapped_column(String(255))
    machine: Mapped[str] = mapped_column(String(80))
    pid: Mapped[int]
    pid_started: Mapped[int] = mapped_column(BigInteger)
    engine: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str | None] = mapped_column(String(80))
    restarts: Mapped[int]
    device: Mapped[str] = mapped_column(String(16))
    versions: Mapped[dict[str, Any]]
    joined_s: Mapped[float]
    expires_s: Mapped[float]
    left_s: Mapped[float | None]


class CandidateRow(Base):
    """One candidate of a study; ``trial_number`` is its number in the Optuna study.

    While it runs, its worker holds it until ``lease_expires_s``, seconds since 1970 by the
    database's clock; afterwards ``worker_id`` says who had it last. ``parameters`` are those of
    the trial, which Optuna is told of a moment after its beginning.
    """

    __tablename__ = f"{PREFIX}candidates"
    __table_args__ = (
        UniqueConstraint("study_id", "trial_number"),
        Index("ix_neuronas_candidates_deployment", "study_id", "deployment_digest"),
        Index("ix_neuronas_candidates_state", "study_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey(StudyRow.id))
    trial_number: Mapped[int]
    genotype: Mapped[dict[str, Any]]
    chip: Mapped[dict[str, Any]]
    training_digest: Mapped[str] = mapped_column(String(64))
    deployment_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None]
    retry_of: Mapped[int | None]
    feasible_probability: Mapped[float | None]
    evaluation_id: Mapped[int | None] = mapped_column(ForeignKey(f"{PREFIX}evaluations.id"))
    newly_trained: Mapped[bool] = mapped_column(default=False)
    epochs_trained: Mapped[float] = mapped_column(default=0.0)
    deaths: Mapped[int] = mapped_column(default=0)
    worker_id: Mapped[int | None] = mapped_column(ForeignKey(WorkerRow.id))
    lease_expires_s: Mapped[float | None]
    parameters: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class CostRow(Base):
    """What a candidate costs at assumed spike rates: totals, and per layer as JSON."""

    __tablename__ = f"{PREFIX}costs"

    candidate_id: Mapped[int] = mapped_column(ForeignKey(CandidateRow.id), primary_key=True)
    model: Mapped[str]
    chip: Mapped[str]
    energy_pj: Mapped[float]
    latency_ns: Mapped[float]
    area_um2: Mapped[float]
    parameters: Mapped[int] = mapped_column(BigInteger)
    memory_bits: Mapped[int] = mapped_column(BigInteger)
    num_pe: Mapped[int]
    num_tiles: Mapped[int]
    quantities: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    constraints: Mapped[dict[str, Any]]
    area_parts_um2: Mapped[dict[str, Any]]
    layers: Mapped[list[Any]]
    not_modelled: Mapped[dict[str, Any]]


class MeasuredCostRow(Base):
    """What of a cost differs at measured spike rates, once a candidate is trained."""

    __tablename__ = f"{PREFIX}measured_costs"

    candidate_id: Mapped[int] = mapped_column(ForeignKey(CandidateRow.id), primary_key=True)
    energy_pj: Mapped[float]
    latency_ns: Mapped[float]
    quantities: Mapped[dict[str, Any]]
    constraints: Mapped[dict[str, Any]]
    layers: Mapped[list[Any]]


MEASURED = ("energy_pj", "latency_ns", "quantities", "constraints", "layers")
"""Columns of a measured cost; the rest does not depend on spike rates."""


class EvaluationRow(Base):
    """One finished training, found again by (digest, epochs, seed) from any study.

    A salvaged one was told by a worker that had lost its lease, and counts for no candidate yet.
    """

    __tablename__ = f"{PREFIX}evaluations"
    __table_args__ = (UniqueConstraint("training_digest", "epochs", "seed"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey(StudyRow.id))
    training_digest: Mapped[str] = mapped_column(String(64))
    epochs: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    validation_accuracy: Mapped[float]
    test_accuracy: Mapped[float | None]
    spike_rates: Mapped[dict[str, Any]]
    zero_inputs: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    train_seconds: Mapped[float]
    peak_memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    weights_path: Mapped[str]
    weights_sha256: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(16))
    threads: Mapped[int]
    split: Mapped[str]
    versions: Mapped[dict[str, Any]]
    salvaged: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]


class FrontRow(Base):
    """One stay of a trial on its study's Pareto front; ``left_at`` is null while it stands."""

    __tablename__ = f"{PREFIX}front"

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey(StudyRow.id), index=True)
    trial_number: Mapped[int]
    objectives: Mapped[dict[str, Any]]
    entered_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    left_for: Mapped[int | None]
    hypervolume: Mapped[float]
    trained: Mapped[int]


class ScoreRow(Base):
    """The score of one untrained network; ``context`` is a digest of all else that decides it."""

    __tablename__ = f"{PREFIX}scores"

    context: Mapped[str] = mapped_column(String(64), primary_key=True)
    network: Mapped[str] = mapped_column(String(64), primary_key=True)
    score: Mapped[float]


class RungRow(Base):
    """A rung that a candidate's training has finished; without a path once its file is removed."""

    __tablename__ = f"{PREFIX}rungs"
    __table_args__ = (UniqueConstraint("candidate_id", "epochs"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey(CandidateRow.id))
    epochs: Mapped[int]
    of_epochs: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    validation_accuracy: Mapped[float]
    train_seconds: Mapped[float]
    peak_memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    checkpoint_path: Mapped[str | None]
    checkpoint_sha256: Mapped[str] = mapped_column(String(64))
    finished_at: Mapped[datetime]
