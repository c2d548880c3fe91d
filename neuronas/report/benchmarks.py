"""Tables of benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

from neuronas.report.tables import Column, Row, Table, number, percent


def timings_table(timings: Sequence[Row]) -> Table:
    """Return benchmark timings, the baseline first."""
    columns = (
        Column("benchmark", "benchmark"),
        Column("variant", "variant"),
        Column("median_ms", "median (ms)", number),
        Column("per_item_us", "per item (µs)", number),
        Column("ratio", "times as fast", number),
    )
    return Table(columns, timings)


def speed_table(rows: Sequence[Row]) -> Table:
    """Return the speed of a hardware model by size of the batch."""
    columns = (
        Column("networks", "networks", number),
        Column("layers", "layers", number),
        Column("us_per_network", "µs per network", number),
        Column("ratio_to_script", "times as fast as the script's loop", number),
        Column("peak_mb", "peak (MiB)", number),
    )
    return Table(columns, rows)


def agreement_table(rows: Sequence[Row]) -> Table:
    """Return how far a hardware model agrees with a simulator, per metric."""
    columns = (
        Column("metric", "metric"),
        Column("constants", "constants"),
        Column("cases", "cases", number),
        Column("spearman", "Spearman", number),
        Column("median_ratio", "median ratio", number),
        Column("within_2x", "within 2x", percent),
        Column("spearman_within_mac_quintiles", "Spearman within MAC quintiles", number),
    )
    return Table(columns, rows)


def training_table(rows: Sequence[Row]) -> Table:
    """Return how fast each implementation trains; by the wall clock where workers are compared."""
    columns = (
        Column("implementation", "implementation"),
        Column("channels", "channels", number),
        Column("workers", "workers", number),
        Column("clock", "clock"),
        Column("images_per_s", "images per s", number),
        Column("ratio_to_snntorch", "times snntorch", number),
        Column("ratio_to_one_worker", "times one worker", number),
        Column("peak_mb", "peak (MiB)", number),
    )
    return Table(columns, rows)


def search_table(rows: Sequence[Row]) -> Table:
    """Return what samplers leave unfound, per problem, number of workers and trainings."""
    columns = (
        Column("problem", "problem"),
        Column("sampler", "sampler"),
        Column("workers", "workers", number),
        Column("trainings", "trainings", number),
        Column("unfound_mean", "unfound", _percent),
        Column("unfound_low", "from", _percent),
        Column("unfound_high", "to", _percent),
        Column("seeds", "seeds", number),
        Column("duplicates", "duplicates", number),
        Column("over_budget", "over budget", number),
        Column("seconds_per_ask", "s per ask", number),
    )
    return Table(columns, rows)


def _percent(value: float) -> str:
    return f"{value:.2%}"
