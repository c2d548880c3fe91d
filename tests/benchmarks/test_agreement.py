"""Model ``cim`` against DNN+NeuroSim V1.3, and against published silicon."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from neuronas.benchmarks.agreement import METRICS, Case, agreement, compared, read_cases
from neuronas.benchmarks.calibration import COMPONENTS
from neuronas.errors import ConfigError
from neuronas.hardware import Chip, LayerList, estimate
from neuronas.hardware.cim.checks import MAC_FJ
from neuronas.hardware.references import snasnet, vgg9

WITHIN = 3.0
"""How far figures of an SNN's own parts may lie from published ones."""


def test_networks_rank_and_cost_as_simulated(reference_data):
    found = {a.metric: a for a in agreement(read_cases(reference_data("neurosim_networks.json")))}
    assert {a.cases for a in found.values()} == {67}
    assert found["energy"].spearman >= 0.98
    assert found["energy"].spearman_within_mac_quintiles >= 0.90
    assert found["energy"].median_ratio <= 1.2
    assert found["latency"].spearman >= 0.93
    assert found["latency"].median_ratio <= 1.2
    assert found["area"].spearman >= 0.93
    assert found["area"].median_ratio <= 1.3
    for metric in METRICS:
        assert found[metric].within_2x >= 0.93


FIELDS = (
    "activity",
    "weight_bits",
    "technology_nm",
    "crossbar",
    "cell_bits",
    "adc_bits",
    "adc",
    "columns_per_adc",
    "device",
    "mapping",
)


def pairs(cases: list[Case]) -> list[tuple[Case, Case, str]]:
    """Return the pairs of runs of one network that differ in one setting."""
    found = []
    for one, other in itertools.combinations(cases, 2):
        differing = [field for field in FIELDS if getattr(one, field) != getattr(other, field)]
        if differing == ["cell_bits", "device"]:
            differing = ["device"]  # an SRAM cell stores one bit
        alike = one.network == other.network and not (one.pipelined or other.pipelined)
        if alike and len(differing) == 1:
            found.append((one, other, differing[0]))
    return found


def test_every_trend_that_the_simulator_decides_has_the_right_direction(reference_data):
    wrong, decided = [], 0
    for one, other, field in pairs(read_cases(reference_data("neurosim_vgg9.json"))):
        for metric in METRICS:
            before, after = one.simulated()[metric], other.simulated()[metric]
            if before is None or after is None or abs(after / before - 1) < 0.005:
                continue
            decided += 1
            ours = other.modelled()[metric] / one.modelled()[metric]
            if (ours - 1) * (after / before - 1) <= 0:
                wrong.append((one.network, field, metric, after / before, ours))
    assert decided >= 60
    assert wrong == []


def test_agreement_of_known_figures():
    theirs, ours = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([1.0, 4.0, 4.0, 2.0, 48.0])
    found = compared("energy", theirs, ours, np.arange(5.0))
    assert found.median_ratio == 2.0
    assert found.within_2x == 3 / 5
    assert found.spearman == pytest.approx(0.6669, abs=1e-3)
    assert found.spearman_within_mac_quintiles is None


def test_a_file_of_cases_that_is_wrong_is_told_where(tmp_path):
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"cases": [{"network": "x", "layers": []}]}))
    with pytest.raises(ConfigError) as caught:
        read_cases(path)
    assert str(caught.value).startswith(f"{path}:\n  cases[0].layers")


def test_constants_that_are_fitted_are_those_of_the_chip():
    chip = Chip.of("rram-32nm")
    names = {name for component in COMPONENTS for name in component.constants}
    fitted = {f"{name}rram" if name.endswith("_") else name for name in names}
    assert fitted <= set(chip.constants)
    for name in fitted:
        assert "fitted to DNN+NeuroSim" in chip.constants[name].source, name


# What the simulator has not got: published silicon and scripts

SPIKESIM_VGG9 = LayerList(
    in_ch_list=[3, 64, 64, 128, 128, 256, 256],
    out_ch_list=[64, 64, 128, 128, 256, 256, 256],
    in_dim_list=[32, 32, 16, 16, 8, 8, 8],
    out_dim_list=[32, 16, 16, 8, 8, 8, 4],
    kernel_size=[3],
    time_steps=5,
)


def test_the_neurons_share_of_the_area_is_that_of_spikesim():
    """Above 11 % at 65 nm, crossbars of 64 and membranes of 22 bits (arXiv 2210.12899)."""
    settings = {"membrane_bits": 22, "schedule": "step-serial"}
    found = estimate(SPIKESIM_VGG9, chip={"base": "rram-65nm", "settings": settings})
    area = found.explanation.area_um2.by_component()
    share = (area["membranes"] + area["LIF units"]) / found.area_um2
    assert 0.11 / WITHIN <= share <= 0.11 * WITHIN


def test_a_neurons_update_costs_what_a_digital_macro_needs():
    """IMPULSE (arXiv 2105.08217): 0.99 TOPS/W for 11-bit operations at 65 nm, 1.01 pJ each."""
    found = estimate(SPIKESIM_VGG9, chip={"base": "rram-65nm", "settings": {"membrane_bits": 11}})
    energy = found.explanation.energy_pj.by_component()
    updates = found.workload.neurons.sum() * 5
    update_pj = (energy["LIF updates"] + energy["membrane memory"]) / updates
    assert 1.01 / WITHIN <= update_pj <= 1.01 * WITHIN


@pytest.mark.parametrize("network", [snasnet(128, 2, weight_bits=4), snasnet(64, 6, weight_bits=4)])
def test_a_mac_costs_as_much_as_on_published_chips(network):
    found = estimate(network, chip="rram-32nm")
    assert not [w for w in found.explanation.warnings if "MAC" in w]
    constants = {"energy_sar_bit": {"value": 2.0, "unit": "pJ", "node_nm": 32.0, "source": "x"}}
    dear = estimate(network, chip={"base": "rram-32nm", "constants": constants})
    (warning,) = [w for w in dear.explanation.warnings if "MAC" in w]
    assert f"between {MAC_FJ[0]:g} and {MAC_FJ[1]:g} fJ" in warning


@pytest.mark.parametrize(("bits", "warned"), [(4, False), (10, True)])
def test_a_conversion_below_the_walden_limit_is_warned_of(bits, warned):
    found = estimate(vgg9(), chip={"base": "rram-32nm", "settings": {"adc_bits": bits}})
    assert any("Walden limit" in w for w in found.explanation.warnings) == warned


def test_an_adc_that_loses_bits_is_warned_of():
    lossless = estimate(vgg9(), chip={"base": "rram-32nm", "settings": {"adc_bits": 10}})
    assert not [w for w in lossless.explanation.warnings if "clip" in w]
    given = estimate(vgg9(), chip="rram-32nm")
    told = " ".join(given.explanation.warnings)
    assert "4 bits clip or round sums that need up to 10" in told
