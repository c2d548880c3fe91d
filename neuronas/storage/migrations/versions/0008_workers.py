"""Workers, their leases on candidates, results of workers that had lost theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "neuronas_workers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study_id", sa.Integer, sa.ForeignKey("neuronas_studies.id"), nullable=False),
        sa.Column("uid", sa.String(32), nullable=False, unique=True),
        sa.Column("task", sa.String(16), nullable=False),
        sa.Column("alone", sa.Boolean, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("machine", sa.String(80), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("pid_started", sa.BigInteger, nullable=False),
        sa.Column("engine", sa.String(32), nullable=False),
        sa.Column("job_id", sa.String(80)),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("device", sa.String(16), nullable=False),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("joined_s", sa.Double, nullable=False),
        sa.Column("expires_s", sa.Double, nullable=False),
        sa.Column("left_s", sa.Double),
    )
    op.create_index("ix_neuronas_workers_study_id", "neuronas_workers", ["study_id"])
    # Both databases take the reference with the column; Alembic would copy the table on SQLite,
    # which the views on it do not survive.
    op.execute(
        "ALTER TABLE neuronas_candidates "
        "ADD COLUMN worker_id INTEGER REFERENCES neuronas_workers (id)"
    )
    op.add_column("neuronas_candidates", sa.Column("lease_expires_s", sa.Double))
    op.add_column("neuronas_candidates", sa.Column("parameters", sa.JSON))
    op.create_index("ix_neuronas_candidates_state", "neuronas_candidates", ["study_id", "state"])
    op.add_column(
        "neuronas_evaluations",
        sa.Column("salvaged", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.add_column("neuronas_studies", sa.Column("counted_until_s", sa.Double))
    op.add_column("neuronas_studies", sa.Column("environment", sa.JSON))
