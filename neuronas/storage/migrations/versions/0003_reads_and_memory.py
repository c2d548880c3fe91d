"""Positions at which nothing fires, and the memory that a training takes; unknown of older ones."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("neuronas_evaluations", sa.Column("zero_inputs", sa.JSON))
    op.add_column("neuronas_evaluations", sa.Column("peak_memory_bytes", sa.BigInteger))
