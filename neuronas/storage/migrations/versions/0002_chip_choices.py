"""What a candidate chooses on the chip; the script's chip is named after its memory cell."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "neuronas_candidates",
        sa.Column("chip", sa.JSON, nullable=False, server_default=sa.text("'{}'")),
    )
    # The one chip there was; its content is unchanged.
    renamed = """replace(
        CAST(config AS TEXT), '"chip": "spikesim-65nm"', '"chip": "spikesim-65nm-rram"'
    )"""
    if op.get_bind().dialect.name == "postgresql":
        renamed = f"CAST({renamed} AS JSON)"
    op.execute(f"UPDATE neuronas_studies SET config = {renamed}")
    op.execute("UPDATE neuronas_costs SET chip = 'spikesim-65nm-rram' WHERE chip = 'spikesim-65nm'")
