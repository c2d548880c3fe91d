"""First schema: studies, candidates, costs, evaluations, front, and two views."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)

_V_COSTS = """
CREATE VIEW neuronas_v_costs AS
SELECT s.name AS study, c.trial_number AS trial, c.state AS state, c.reason AS reason,
       k.model AS model, k.chip AS chip,
       k.energy_pj / 1e6 AS energy_uj, k.latency_ns / 1e6 AS latency_ms,
       k.area_um2 / 1e6 AS area_mm2, k.parameters AS parameters,
       k.memory_bits / 8.0 AS memory_bytes, k.num_pe AS num_pe, k.num_tiles AS num_tiles
FROM neuronas_candidates c
JOIN neuronas_studies s ON s.id = c.study_id
JOIN neuronas_costs k ON k.candidate_id = c.id
"""

_V_FRONT = """
CREATE VIEW neuronas_v_front AS
SELECT s.name AS study, f.trial_number AS trial,
       e.validation_accuracy AS validation_accuracy, e.test_accuracy AS test_accuracy,
       k.energy_pj / 1e6 AS energy_uj, k.latency_ns / 1e6 AS latency_ms,
       k.area_um2 / 1e6 AS area_mm2, k.parameters AS parameters,
       k.memory_bits / 8.0 AS memory_bytes, f.entered_at AS entered_at,
       f.hypervolume AS hypervolume, c.genotype AS genotype, e.weights_path AS weights_path
FROM neuronas_front f
JOIN neuronas_studies s ON s.id = f.study_id
JOIN neuronas_candidates c ON c.study_id = f.study_id AND c.trial_number = f.trial_number
JOIN neuronas_costs k ON k.candidate_id = c.id
JOIN neuronas_evaluations e ON e.id = c.evaluation_id
WHERE f.left_at IS NULL
"""


def upgrade() -> None:
    op.create_table(
        "neuronas_studies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("config_digest", sa.String(64), nullable=False),
        sa.Column("target_trials", sa.Integer, nullable=False),
        sa.Column("reference", sa.JSON, nullable=False),
        sa.Column("drawn", sa.Integer, nullable=False),
        sa.Column("rejected", sa.Integer, nullable=False),
        sa.Column("rejections", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
    )
    op.create_table(
        "neuronas_evaluations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study_id", sa.Integer, sa.ForeignKey("neuronas_studies.id"), nullable=False),
        sa.Column("training_digest", sa.String(64), nullable=False),
        sa.Column("epochs", sa.Integer, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("validation_accuracy", sa.Double, nullable=False),
        sa.Column("test_accuracy", sa.Double),
        sa.Column("spike_rates", sa.JSON, nullable=False),
        sa.Column("train_seconds", sa.Double, nullable=False),
        sa.Column("weights_path", sa.String, nullable=False),
        sa.Column("weights_sha256", sa.String(64), nullable=False),
        sa.Column("device", sa.String(16), nullable=False),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("split", sa.String, nullable=False),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.UniqueConstraint("training_digest", "epochs", "seed"),
    )
    op.create_table(
        "neuronas_candidates",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study_id", sa.Integer, sa.ForeignKey("neuronas_studies.id"), nullable=False),
        sa.Column("trial_number", sa.Integer, nullable=False),
        sa.Column("genotype", sa.JSON, nullable=False),
        sa.Column("training_digest", sa.String(64), nullable=False),
        sa.Column("deployment_digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("retry_of", sa.Integer),
        sa.Column("evaluation_id", sa.Integer, sa.ForeignKey("neuronas_evaluations.id")),
        sa.Column("newly_trained", sa.Boolean, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.UniqueConstraint("study_id", "trial_number"),
    )
    op.create_index(
        "ix_neuronas_candidates_deployment",
        "neuronas_candidates",
        ["study_id", "deployment_digest"],
    )
    op.create_table(
        "neuronas_costs",
        sa.Column(
            "candidate_id", sa.Integer, sa.ForeignKey("neuronas_candidates.id"), primary_key=True
        ),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("chip", sa.String, nullable=False),
        sa.Column("energy_pj", sa.Double, nullable=False),
        sa.Column("latency_ns", sa.Double, nullable=False),
        sa.Column("area_um2", sa.Double, nullable=False),
        sa.Column("parameters", sa.BigInteger, nullable=False),
        sa.Column("memory_bits", sa.BigInteger, nullable=False),
        sa.Column("num_pe", sa.Integer, nullable=False),
        sa.Column("num_tiles", sa.Integer, nullable=False),
        sa.Column("constraints", sa.JSON, nullable=False),
        sa.Column("area_parts_um2", sa.JSON, nullable=False),
        sa.Column("layers", sa.JSON, nullable=False),
        sa.Column("not_modelled", sa.JSON, nullable=False),
    )
    op.create_table(
        "neuronas_front",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study_id", sa.Integer, sa.ForeignKey("neuronas_studies.id"), nullable=False),
        sa.Column("trial_number", sa.Integer, nullable=False),
        sa.Column("objectives", sa.JSON, nullable=False),
        sa.Column("entered_at", _TIME, nullable=False),
        sa.Column("left_at", _TIME),
        sa.Column("left_for", sa.Integer),
        sa.Column("hypervolume", sa.Double, nullable=False),
    )
    op.create_index("ix_neuronas_front_study_id", "neuronas_front", ["study_id"])
    op.execute(_V_COSTS)
    op.execute(_V_FRONT)
