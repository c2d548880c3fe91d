"""What stops a study is counted; each entry of a front knows how many networks were trained."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# Of older studies: the seconds of their trainings, the epochs of those that did not fail.
_WALL_SECONDS = """
UPDATE neuronas_studies SET wall_seconds = coalesce((
    SELECT sum(e.train_seconds) FROM neuronas_candidates c
    JOIN neuronas_evaluations e ON e.id = c.evaluation_id
    WHERE c.study_id = neuronas_studies.id AND c.newly_trained
), 0)
"""
_EPOCHS = """
UPDATE neuronas_candidates SET epochs_trained = (
    SELECT e.epochs FROM neuronas_evaluations e WHERE e.id = neuronas_candidates.evaluation_id
) WHERE newly_trained
"""
_TRAINED = """
UPDATE neuronas_front SET trained = (
    SELECT count(*) FROM neuronas_candidates c
    WHERE c.study_id = neuronas_front.study_id AND c.newly_trained
    AND c.finished_at <= neuronas_front.entered_at
)
"""


def upgrade() -> None:
    op.add_column(
        "neuronas_studies",
        sa.Column("wall_seconds", sa.Double, nullable=False, server_default=sa.text("0")),
    )
    op.add_column(
        "neuronas_candidates",
        sa.Column("epochs_trained", sa.Double, nullable=False, server_default=sa.text("0")),
    )
    op.add_column(
        "neuronas_front",
        sa.Column("trained", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    for statement in (_WALL_SECONDS, _EPOCHS, _TRAINED):
        op.execute(statement)
