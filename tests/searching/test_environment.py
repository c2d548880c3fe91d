"""What workers of one study must have alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neuronas.errors import EnvironmentMismatchError
from neuronas.searching.environment import environment_of, other_build, require_same_environment
from tests.searching.fakes import FakeEvaluator, load_study_record, run, study_config

CONTEXT = {"data": "digits, 1797 images"}


@pytest.fixture
def study(url):
    """Return a stored study that was begun with what this process has."""
    return replace(load_study_record(url), environment=environment_of(CONTEXT))


def test_what_is_alike_may_join(study):
    require_same_environment(study, environment_of(CONTEXT))
    assert other_build(study, environment_of(CONTEXT)) is None


@pytest.mark.parametrize("package", ["neuronas", "torch", "snntorch", "optuna"])
def test_another_minor_version_may_not_and_is_named(study, package):
    found = environment_of(CONTEXT)
    found["versions"] = found["versions"] | {package: "0.0"}
    with pytest.raises(EnvironmentMismatchError, match=rf"{package} .* there, 0\.0 here") as caught:
        require_same_environment(study, found)
    assert caught.value.exit_code == 78
    assert "neuronas resume test" in str(caught.value)


def test_other_data_may_not_and_is_named(study):
    with pytest.raises(EnvironmentMismatchError, match="data 'digits, 1797 images' there"):
        require_same_environment(study, environment_of({"data": "others"}))


def test_another_build_is_a_warning(study):
    found = environment_of(CONTEXT) | {"torch": "2.13.0+cu130"}
    require_same_environment(study, found)
    assert "torch is 2.13.0+cu130 here" in other_build(study, found)


def test_the_first_who_searches_says_what_the_others_must_have(url):
    run(study_config(), url, FakeEvaluator(data="some"), trials=1)
    assert load_study_record(url).environment == environment_of({"data": "some"})
    run(study_config(), url, FakeEvaluator(data="others"), trials=2)  # nobody else is there
    assert load_study_record(url).environment == environment_of({"data": "others"})
