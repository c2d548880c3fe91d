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
    op.execute(
        """UPDATE neuronas_studies
        SET config = replace(
            config, '"chip": "spikesim-65nm"', '"chip": "spikesim-65nm-rram"'
        )"""
    )
    op.execute("UPDATE neuronas_costs SET chip = 'spikesim-65nm-rram' WHERE chip = 'spikesim-65nm'")
