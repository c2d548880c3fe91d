"""Rungs at which trainings pause, and deaths of processes that went on with a paused one."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column(
        "neuronas_candidates", sa.Column("deaths", sa.Integer, nullable=False, server_default="0")
    )
    op.create_table(
        "neuronas_rungs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "candidate_id", sa.Integer, sa.ForeignKey("neuronas_candidates.id"), nullable=False
        ),
        sa.Column("epochs", sa.Integer, nullable=False),
        sa.Column("of_epochs", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("validation_accuracy", sa.Double, nullable=False),
        sa.Column("train_seconds", sa.Double, nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger),
        sa.Column("checkpoint_path", sa.String),
        sa.Column("checkpoint_sha256", sa.String(64), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("candidate_id", "epochs"),
    )
