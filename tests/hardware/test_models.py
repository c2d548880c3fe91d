"""Hardware models by name: ours, those of other packages, and plug-ins that are broken."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import pytest

from neuronas.config import HARDWARE_MODELS, load_plugin, plugin_names, plugins
from neuronas.errors import ConfigError, HardwareModelError
from neuronas.hardware import default_chip, estimate, hardware_model, hardware_models
from neuronas.hardware.spikesim import MODEL, SpikeSimSettings
from tests.strategies import architecture


@pytest.fixture
def installed(monkeypatch):
    """Return a function that installs entry points, name to object, in place of all others."""

    def install(**objects: str) -> None:
        points = {name: EntryPoint(name, value, HARDWARE_MODELS) for name, value in objects.items()}
        monkeypatch.setattr(plugins, "_found", lambda _: points)

    return install


def test_our_models_are_installed_and_answer_to_their_names():
    assert {"cim", "spikesim"} <= set(hardware_models())
    assert hardware_models() == sorted(hardware_models())
    assert hardware_model("spikesim") is MODEL
    assert (MODEL.name, MODEL.settings) == ("spikesim", SpikeSimSettings)


def test_an_unknown_model_is_told_which_there_are_and_which_is_near():
    with pytest.raises(HardwareModelError) as caught:
        hardware_model("spikesm")
    message = str(caught.value)
    assert message.startswith("unknown hardware model 'spikesm'; did you mean 'spikesim'?")
    assert message.endswith(f"allowed: {', '.join(hardware_models())}")
    assert caught.value.exit_code == 3


def test_a_name_that_resembles_no_model_gets_no_suggestion():
    with pytest.raises(HardwareModelError) as caught:
        estimate(architecture(), model="xyz")
    assert str(caught.value) == (
        f"unknown hardware model 'xyz'; allowed: {', '.join(hardware_models())}"
    )


def test_the_model_of_another_package_is_found_by_its_entry_point(installed):
    installed(theirs="neuronas.hardware.spikesim:MODEL")
    assert hardware_models() == plugin_names(HARDWARE_MODELS) == ["theirs"]
    assert hardware_model("theirs") is MODEL


def test_the_model_of_another_package_has_no_chip_of_its_own(installed):
    assert default_chip("spikesim") == "spikesim-65nm-rram"
    installed(theirs="neuronas.hardware.spikesim:MODEL")
    with pytest.raises(HardwareModelError) as caught:
        estimate(architecture(), model="theirs")
    assert str(caught.value) == "hardware model 'theirs' has no default chip; name one"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no.such.package:MODEL", "No module named 'no'"),
        ("neuronas.hardware.spikesim:MODELL", "has no attribute 'MODELL'"),
    ],
    ids=["module", "attribute"],
)
def test_a_model_that_cannot_be_loaded_is_told_with_its_entry_point(installed, value, why):
    installed(broken=value)
    with pytest.raises(ConfigError) as caught:
        hardware_model("broken")
    assert str(caught.value).startswith(
        f"neuronas.hardware_models 'broken' ({value}) cannot be loaded: "
    )
    assert why in str(caught.value)
    assert caught.value.exit_code == 3


def test_without_any_entry_point_the_package_must_be_installed_again(installed):
    installed()
    with pytest.raises(ConfigError) as caught:
        load_plugin(HARDWARE_MODELS, "spikesim")
    assert str(caught.value) == (
        "no 'spikesim' among the entry points 'neuronas.hardware_models'; there are: none; "
        "reinstall neuronas"
    )


def test_a_broken_model_leaves_the_others_alone(installed):
    installed(broken="no.such.package:MODEL", spikesim="neuronas.hardware.spikesim:MODEL")
    assert hardware_models() == ["broken", "spikesim"]
    assert hardware_model("spikesim") is MODEL


def test_the_names_of_models_are_those_of_the_installed_entry_points():
    assert set(hardware_models()) == {p.name for p in entry_points(group=HARDWARE_MODELS)}


@pytest.mark.parametrize(
    ("code", "why"),
    [("raise ValueError('no licence')", "no licence"), ("assert False", "AssertionError")],
)
def test_a_model_whose_module_fails_in_any_way_is_told(installed, tmp_path, monkeypatch, code, why):
    (tmp_path / "failing_model.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    installed(broken="failing_model:MODEL")
    with pytest.raises(ConfigError) as caught:
        hardware_model("broken")
    assert str(caught.value) == (
        f"neuronas.hardware_models 'broken' (failing_model:MODEL) cannot be loaded: {why}"
    )
    assert caught.value.__cause__ is not None
