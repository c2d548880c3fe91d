"""``neuronas stop``, ``delete`` and ``compare-studies``: care of stored studies."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from neuronas.cli.options import Format, Name, OutputFormat, Storage, say, write_table


def stop(name: Name, storage: Storage = None) -> None:
    """Let all workers of a study drain; it goes on with 'neuronas resume'.

    None begins another network, and what trains pauses at the end of its epoch.
    """
    from neuronas.searching.care import stop_study
    from neuronas.storage import Repository, resolve_url, storage_option

    url = resolve_url(storage)
    with Repository(url) as repository:
        workers = stop_study(repository, name)
    say(
        f"stopped; {workers} workers drain. Go on with: neuronas resume {name}{storage_option(url)}"
    )


def delete(
    name: Name,
    storage: Storage = None,
    confirm: Annotated[
        str | None,
        typer.Option(help="Name of the study once more, instead of typing it.", show_default=False),
    ] = None,
) -> None:
    """Delete a study and its trials; asks for its name once more. Weights stay on disk.

    Trainings that other studies of the database use are kept.
    """
    from neuronas.errors import NeuronasError
    from neuronas.storage import Repository, delete_study, resolve_url

    with Repository(resolve_url(storage)) as repository:
        study = repository.study(name)
        if confirm is None:
            trained = study.counts["trained"]
            say(f"study '{name}', {trained} networks trained: type its name to delete it for ever")
            confirm = sys.stdin.readline().strip()
        if confirm != name:
            raise NeuronasError(f"found '{confirm}', not '{name}': nothing was deleted")
        deleted = delete_study(repository, name)
    say(f"deleted: {deleted.trials} trials, {deleted.evaluations} trainings")
    if deleted.files:
        count, folder = len(deleted.files), deleted.files[0].parent
        say(f"{count} files that nothing needs now are in '{folder}' of the folder of weights")


def compare_studies(
    names: Annotated[list[str], typer.Argument(help="Two studies or more.", show_default=False)],
    storage: Storage = None,
    form: Format = OutputFormat.TABLE,
) -> None:
    """Compare what studies with the same objectives found: fronts and hypervolumes."""
    from neuronas.errors import NeuronasError
    from neuronas.report import compared_table
    from neuronas.searching.care import compare_studies as compare
    from neuronas.storage import Repository, resolve_url

    if len(set(names)) == 1:
        raise NeuronasError("give the names of two studies or more; 'neuronas list' shows them")
    with Repository(resolve_url(storage)) as repository:
        found = compare(repository, names)
    write_table(compared_table(found), form)
