"""Results on the local disk until the database has them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neuronas.errors import LeaseLostError, StorageError, StorageUnavailableError
from neuronas.records import EvaluationKey
from neuronas.searching.spool import Spool
from neuronas.storage import Ledger, Repository
from tests.searching.fakes import FakeEvaluator, evaluation, rows, run, study_config

EVALUATION = evaluation(EvaluationKey("ab" * 32, 10, 3))


@pytest.fixture
def spool(url, tmp_path):
    with Repository(url, create=True) as repository:
        repository.create_study(study_config(), 8, {"accuracy": 0.0, "energy": 0.25})
        yield Spool(tmp_path / "untold", repository, "test", "2026-01-02")


def kept(spool: Spool) -> list[str]:
    return sorted(path.name for path in spool.folder.glob("*"))


def salvaged(spool: Spool) -> list[int]:
    query = "SELECT salvaged FROM neuronas_evaluations"
    return [row["salvaged"] for row in rows(spool.repository.url, query)]


def interrupted(spool: Spool, error: BaseException) -> None:
    with pytest.raises(type(error)), spool.kept(EVALUATION):
        raise error


def test_a_result_that_was_told_is_forgotten(spool):
    with spool.kept(EVALUATION):
        assert len(kept(spool)) == 1
    assert list(spool.folder.iterdir()) == []
    assert spool.tell() == 0


@pytest.mark.parametrize("error", [StorageUnavailableError("away"), KeyboardInterrupt()])
def test_a_result_that_could_not_be_told_is_told_later_as_salvaged(spool, error):
    interrupted(spool, error)
    assert salvaged(spool) == []
    assert spool.tell() == 1
    assert spool.repository.find_evaluation(EVALUATION.key) == EVALUATION
    assert salvaged(spool) == [1]
    assert list(spool.folder.iterdir()) == []


def test_a_result_whose_trial_was_taken_away_is_salvaged_at_once(spool):
    interrupted(spool, LeaseLostError("taken"))
    assert spool.repository.find_evaluation(EVALUATION.key) == EVALUATION
    assert list(spool.folder.iterdir()) == []


def test_results_of_another_study_are_left_where_they_are(spool):
    interrupted(spool, StorageUnavailableError("away"))
    assert replace(spool, study="tes").tell() == 0
    assert replace(spool, created="2026-01-03").tell() == 0  # deleted, and made again
    assert len(kept(spool)) == 1
    assert spool.tell() == 1


def test_a_name_that_begins_with_the_studys_is_another(spool):
    longer = replace(spool, study="test-2")
    interrupted(longer, StorageUnavailableError("away"))
    assert spool.tell() == 0
    assert len(kept(spool)) == 1


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"study": "test", "created": "2026-01-02"}'])
def test_a_damaged_file_is_told_of_with_what_to_do(spool, content):
    interrupted(spool, StorageUnavailableError("away"))
    (name,) = kept(spool)
    (spool.folder / name).write_text(content)
    with pytest.raises(StorageError, match=r"is no result of a training .* remove it, and the"):
        spool.tell()


def test_a_folder_that_cannot_be_written_is_told(spool):
    spool.folder.write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"), spool.kept(EVALUATION):
        pass


def test_a_search_tells_what_the_last_one_could_not_and_trains_no_network_twice(url, tmp_path):
    first, second, said = FakeEvaluator(), FakeEvaluator(), []
    away = StorageUnavailableError("away")
    with pytest.MonkeyPatch.context() as patch:
        complete = Ledger.complete

        def cut_off(*arguments: object) -> object:
            if len(first.trained) == 3:
                raise away
            return complete(*arguments)

        patch.setattr(Ledger, "complete", cut_off)
        with pytest.raises(StorageUnavailableError):
            run(study_config(), url, first, checkpoint_dir=tmp_path)
    assert len(list((tmp_path / "untold").iterdir())) == 1
    result = run(
        study_config(),
        url,
        second,
        checkpoint_dir=tmp_path,
        listener=lambda progress: said.append(progress.message),
    )
    assert "1 results of earlier trainings were told" in said
    assert result.study.counts["trained"] == 8
    assert len({key.digest for key in first.trained + second.trained}) == 8
    assert len(first.trained + second.trained) == 8
    assert list((tmp_path / "untold").iterdir()) == []
