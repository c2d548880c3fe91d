"""What people see: tables of studies, fronts, trials, costs and surveys, and their formats."""

from neuronas.report.ablation import ablation_table
from neuronas.report.benchmarks import (
    agreement_table,
    fidelity_table,
    search_table,
    search_tables,
    service_table,
    speed_table,
    timings_table,
    training_table,
)
from neuronas.report.cluster import workers_table
from neuronas.report.database import database_table
from neuronas.report.datasets import datasets_table
from neuronas.report.final import final_table
from neuronas.report.hardware import (
    chips_table,
    comparison_table,
    constants_table,
    cost_tables,
    estimate_summary,
    layers_table,
    settings_table,
    walk_table,
)
from neuronas.report.history import history_table
from neuronas.report.proxies import fidelities_table, proxies_table
from neuronas.report.studies import (
    compared_table,
    front_table,
    status_json,
    status_table,
    studies_table,
)
from neuronas.report.survey import extremes_table, survey_json, survey_table
from neuronas.report.tables import Column, Format, Row, Table

__all__ = [
    "Column",
    "Format",
    "Row",
    "Table",
    "ablation_table",
    "agreement_table",
    "chips_table",
    "compared_table",
    "comparison_table",
    "constants_table",
    "cost_tables",
    "database_table",
    "datasets_table",
    "estimate_summary",
    "extremes_table",
    "fidelities_table",
    "fidelity_table",
    "final_table",
    "front_table",
    "history_table",
    "layers_table",
    "proxies_table",
    "search_table",
    "search_tables",
    "service_table",
    "settings_table",
    "speed_table",
    "status_json",
    "status_table",
    "studies_table",
    "survey_json",
    "survey_table",
    "timings_table",
    "training_table",
    "walk_table",
    "workers_table",
]
