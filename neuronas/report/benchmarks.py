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


def service_table(rows: Sequence[Row]) -> Table:
    """Return what a database takes from many workers, ours against plain Optuna."""
    columns = (
        Column("implementation", "implementation"),
        Column("clients", "clients", number),
        Column("trials_per_s", "trials/s", number),
        Column("statements_per_trial", "statements per trial", number),
        Column("commits_per_trial", "commits per trial", number),
        Column("ratio", "times as fast", number),
    )
    ours = [row["trials_per_s"] for row in rows if row["implementation"] == "neuronas"]
    caption = None
    if ours:
        caption = (
            f"At the {min(ours):.3g} trials/s of our slowest row, 1,000 workers keep one database "
            f"busy when each training takes {1000 / min(ours):,.0f} s; shorter ones wait for it. "
            "Assumed: one study, a database no slower than here, workers that start over minutes."
        )
    return Table(columns, rows, caption=caption)


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
    """Return what samplers leave unfound, one row per number of trainings."""
    columns = (
        Column("problem", "problem"),
        Column("sampler", "sampler"),
        Column("workers", "workers", number),
        Column("trainings", "trainings", number),
        Column("unfound_mean", "unfound", _points),
        Column("unfound_low", "from", _points),
        Column("unfound_high", "to", _points),
        Column("lead_mean", "lead", _points),
        Column("lead_low", "from", _points),
        Column("lead_high", "to", _points),
        Column("overtakes_after", "overtakes after", number),
        Column("seeds", "seeds", number),
        Column("duplicates", "duplicates", number),
        Column("over_budget", "over budget", number),
        Column("seconds_per_ask", "s per ask", number),
    )
    return Table(columns, rows)


def fidelity_table(rows: Sequence[Row]) -> Table:
    """Return what trainings with rungs and without leave unfound, by the epochs that they take."""
    columns = (
        Column("problem", "problem"),
        Column("sampler", "sampler"),
        Column("scheme", "rungs"),
        Column("epochs", "epochs", number),
        Column("unfound_mean", "unfound", _points),
        Column("standard_error", "±", _points),
        Column("ended", "trained whole", number),
        Column("behind_equal", "behind full", _points),
        Column("behind_equal_error", "±", _points),
        Column("behind_fivefold", "behind full at five times", _points),
        Column("behind_fivefold_error", "±", _points),
        Column("seeds", "seeds", number),
    )
    return Table(
        columns,
        rows,
        title="percent unfound after so many epochs of all trainings ± standard error",
        caption="What a training shows at a rung is read from the curve of the whole training: "
        "truncated long schedules are not short ones, whose learning rate would have fallen.",
    )


def search_tables(rows: Sequence[Row]) -> list[Table]:
    """Return the rows of ``search_table`` for people: a table per problem, a row per sampler."""
    return [
        _of_problem(name, [row for row in rows if row["problem"] == name])
        for name in dict.fromkeys(row["problem"] for row in rows)
    ]


def _of_problem(name: str, rows: Sequence[Row]) -> Table:
    (floor,) = (row for row in rows if row["sampler"] == "noise floor")
    runs: dict[tuple[str, int], dict[str, object]] = {}
    for row in rows:
        if row is not floor:
            shown = runs.setdefault((row["sampler"], row["workers"]), dict(row))
            half = (row["unfound_high"] - row["unfound_low"]) / 2
            off = f" ± {_points(half)}" if row["seeds"] > 1 else ""
            shown[_after(row)] = _points(row["unfound_mean"]) + off
    marks = {_after(row): row["trainings"] for row in rows if row is not floor}
    columns = (
        Column("sampler", "sampler"),
        Column("workers", "workers", number),
        *(Column(key, f"after {mark}", _as_is) for key, mark in marks.items()),
        Column("overtakes_after", "overtakes after", number),
        Column("seeds", "seeds", number),
        Column("duplicates", "duplicates", number),
        Column("over_budget", "over budget", number),
        Column("seconds_per_ask", "s per ask", number),
    )
    return Table(
        columns,
        list(runs.values()),
        title=f"problem {name}: percent unfound after so many trainings ± half the 95 % interval",
        caption=f"Training all {floor['trainings']:,} networks once and trusting it leaves "
        f"{_points(floor['unfound_mean'])}.\n"
        "overtakes after: trainings until no more is unfound than the best other sampler leaves at "
        "its end.",
    )


def _after(row: Row) -> str:
    return f"after_{row['trainings']}"


def _as_is(value: object) -> str:
    return "" if value is None else str(value)


def _points(value: float | None) -> str:
    """Return a share in percent, without the sign."""
    return "" if value is None else f"{100 * value:.2f}"
