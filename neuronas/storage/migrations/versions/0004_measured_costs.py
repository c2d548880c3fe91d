"""Every quantity of a cost; the cost at measured spike rates; what samplers stated of it.

Candidates of before were told to Optuna at their assumed cost, and keep it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_V_COSTS = """
CREATE VIEW neuronas_v_costs AS
SELECT s.name AS study, c.trial_number AS trial, c.state AS state, c.reason AS reason,
       k.model AS model, k.chip AS chip,
       k.energy_pj / 1e6 AS energy_uj, k.latency_ns / 1e6 AS latency_ms,
       k.area_um2 / 1e6 AS area_mm2, k.parameters AS parameters,
       k.memory_bits / 8.0 AS memory_bytes, k.num_pe AS num_pe, k.num_tiles AS num_tiles,
       m.energy_pj / 1e6 AS measured_energy_uj, m.latency_ns / 1e6 AS measured_latency_ms
FROM neuronas_candidates c
JOIN neuronas_studies s ON s.id = c.study_id
JOIN neuronas_costs k ON k.candidate_id = c.id
LEFT JOIN neuronas_measured_costs m ON m.candidate_id = c.id
"""

_V_FRONT = """
CREATE VIEW neuronas_v_front AS
SELECT s.name AS study, f.trial_number AS trial,
       e.validation_accuracy AS validation_accuracy, e.test_accuracy AS test_accuracy,
       coalesce(m.energy_pj, k.energy_pj) / 1e6 AS energy_uj,
       coalesce(m.latency_ns, k.latency_ns) / 1e6 AS latency_ms,
       k.area_um2 / 1e6 AS area_mm2, k.parameters AS parameters,
       k.memory_bits / 8.0 AS memory_bytes, f.entered_at AS entered_at,
       f.hypervolume AS hypervolume, c.genotype AS genotype, e.weights_path AS weights_path
FROM neuronas_front f
JOIN neuronas_studies s ON s.id = f.study_id
JOIN neuronas_candidates c ON c.study_id = f.study_id AND c.trial_number = f.trial_number
JOIN neuronas_costs k ON k.candidate_id = c.id
LEFT JOIN neuronas_measured_costs m ON m.candidate_id = c.id
JOIN neuronas_evaluations e ON e.id = c.evaluation_id
WHERE f.left_at IS NULL
"""

_COSTS = sa.table(
    "neuronas_costs",
    sa.column("candidate_id", sa.Integer),
    *(
        sa.column(name, sa.Double)
        for name in ("energy_pj", "latency_ns", "area_um2", "parameters", "memory_bits")
    ),
    sa.column("quantities", sa.JSON),
)


def upgrade() -> None:
    op.execute("DROP VIEW neuronas_v_costs")
    op.execute("DROP VIEW neuronas_v_front")
    op.add_column("neuronas_candidates", sa.Column("feasible_probability", sa.Double))
    op.add_column(
        "neuronas_costs",
        sa.Column("quantities", sa.JSON, nullable=False, server_default=sa.text("'{}'")),
    )
    op.create_table(
        "neuronas_measured_costs",
        sa.Column(
            "candidate_id", sa.Integer, sa.ForeignKey("neuronas_candidates.id"), primary_key=True
        ),
        sa.Column("energy_pj", sa.Double, nullable=False),
        sa.Column("latency_ns", sa.Double, nullable=False),
        sa.Column("quantities", sa.JSON, nullable=False),
        sa.Column("constraints", sa.JSON, nullable=False),
        sa.Column("layers", sa.JSON, nullable=False),
    )
    _fill_quantities(op.get_bind())
    op.execute(_V_COSTS)
    op.execute(_V_FRONT)


def _fill_quantities(connection: sa.Connection) -> None:
    """Give earlier costs the quantities that follow from their columns, to the last digit."""
    for row in connection.execute(sa.select(_COSTS)).all():
        energy_uj, latency_ms = row.energy_pj / 1e6, row.latency_ns / 1e6
        quantities = {
            "parameters": row.parameters,
            "memory_bytes": row.memory_bits / 8,
            "area_mm2": row.area_um2 / 1e6,
            "latency_ms": latency_ms,
            "energy_uj": energy_uj,
            "edp_uj_ms": energy_uj * latency_ms,
        }
        own = _COSTS.c.candidate_id == row.candidate_id
        connection.execute(sa.update(_COSTS).where(own).values(quantities=quantities))
