"""Model ``cim`` as machine code: any batch, any arrays, and what is kept on disk."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from types import FunctionType

import numba
import numpy as np
import pytest

from neuronas.architecture import Networks, Slot, Workload, chain
from neuronas.config import Kind
from neuronas.errors import HardwareModelError
from neuronas.hardware import Activity, Chip, Cost, hardware_model
from neuronas.hardware.cim import compiled
from neuronas.hardware.cim.compiled import LANES, CompiledOnce, digest_of_sources
from tests.strategies import OPERATION_NAMES, architecture

MODEL = hardware_model("cim")
CHIP = Chip.of({"base": "rram-32nm", "settings": {"skip_zero_rows": True}})
LAYERS, COUNT = 6, 1060
MEMBERS = (0, 31, 32, 1023, 1024, COUNT - 1)
"""Networks at the borders of lanes and of what is costed at once."""

Columns = dict[str, np.ndarray]


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def mixed_networks(count: int = COUNT) -> Workload:
    """Return networks that differ in everything, some without some of the layers."""
    draw = generator()
    shape = (LAYERS, count)
    channels = draw.integers(1, 400, size=(LAYERS + 1, count))
    return chain(
        kind=draw.choice([Kind.CONV, Kind.CONV, Kind.AVGPOOL, Kind.SKIP, Kind.NONE], size=shape),
        in_channels=channels[:-1],
        out_channels=channels[1:],
        height=draw.choice([4, 8, 16], size=shape),
        width=draw.choice([4, 8, 16], size=shape),
        kernel=draw.choice([1, 2, 3, 5], size=shape),
        weight_bits=draw.integers(2, 9, size=shape),
        levels=draw.choice([0, 2, 2, 5, 256], size=shape),
        static=draw.random(shape) < 0.2,
        time_steps=draw.integers(1, 9, size=count),
    )


def mixed_choices(count: int = COUNT) -> Columns:
    draw = generator()
    return {
        "columns_per_adc": 2 ** draw.integers(0, 5, size=count),
        "pe_per_tile": draw.integers(0, 10, size=count),
        "columns": 2 ** draw.integers(5, 8, size=count),
        "mapping": draw.integers(0, 2, size=count),
        "schedule": draw.integers(0, 4, size=count),
    }


def mixed_family(count: int = COUNT) -> Networks:
    draw = generator()

    def cell() -> tuple[str, ...]:
        return tuple(OPERATION_NAMES[place] for place in draw.integers(0, 5, size=6))

    def some(*values: int) -> int:
        return int(draw.choice(values))

    return Networks.of(
        [
            architecture(
                cell_a=cell(),
                cell_b=cell(),
                channels=some(1, 7, 16, 120),
                ratio=some(1, 2, 3),
                pool=some(1, 2, 4),
                hidden=some(0, 1, 30),
                time_steps=some(1, 2, 5),
                weight_bits={"stem": some(2, 8), "cell_a": some(3, 4, 6), "classifier": some(4, 8)},
            )
            for _ in range(count)
        ]
    )


def rates(layers: int, count: int) -> Activity:
    draw = generator()
    return Activity(draw.random((layers, count)), draw.random((layers, count)))


def member(w: Workload, index: int) -> Workload:
    """Return one network, as arrays of its own."""
    arrays = {
        f.name: getattr(w, f.name)[..., index : index + 1].copy()
        for f in fields(Workload)
        if f.name != "slots"
    }
    return Workload(slots=w.slots, **arrays)


def digits(cost: Cost, index: int | slice = slice(None)) -> dict[str, list[object]]:
    return {f.name: np.atleast_1d(getattr(cost, f.name)[index]).tolist() for f in fields(Cost)}


def assert_the_same_alone(w: Workload, alone: Callable[[int], Workload]) -> None:
    """Check that members of a batch cost what they cost alone, to the last bit."""
    choices, activity = mixed_choices(), rates(len(w.slots), COUNT)
    together = MODEL.cost(w, CHIP, activity=activity, choices=choices)
    for index in MEMBERS:
        own = slice(index, index + 1)
        single = MODEL.cost(
            alone(index),
            CHIP,
            activity=Activity(activity.spike_rate[:, own], activity.zero_rows[:, own]),
            choices={name: values[own] for name, values in choices.items()},
        )
        assert digits(single) == digits(together, index), index


# Batches


def test_a_network_costs_alone_what_it_costs_in_a_batch():
    w = mixed_networks()
    assert_the_same_alone(w, lambda index: member(w, index))


def test_a_network_of_the_family_costs_alone_what_it_costs_in_a_batch():
    networks = mixed_family()
    assert_the_same_alone(
        Workload.of(networks), lambda index: Workload.of(Networks.of([networks[index]]))
    )


@pytest.mark.parametrize("count", [0, 1, LANES - 1, LANES, LANES + 1])
def test_a_batch_may_have_any_size(count):
    w = mixed_networks(count)
    few = MODEL.cost(w, CHIP)
    assert [len(values) for values in digits(few).values()] == [count] * len(fields(Cost))
    if count:
        assert digits(MODEL.cost(member(w, count - 1), CHIP)) == digits(few, count - 1)


# Arrays


def plain_networks(count: int = LANES + 8) -> Workload:
    """Return networks that share most columns, each column an array with every number."""
    draw = generator()
    channels = draw.integers(1, 200, size=(LAYERS + 1, count))
    w = chain(
        kind=Kind.CONV,
        in_channels=channels[:-1],
        out_channels=channels[1:],
        height=draw.choice([4, 8, 16], size=(LAYERS, 1)),
        width=8,
        kernel=draw.choice([1, 3, 5], size=(LAYERS, 1)),
        weight_bits=draw.integers(2, 9, size=(1, count)),
        time_steps=draw.integers(1, 9, size=count),
    )
    return replace(w, **{name: values.copy() for name, values in columns_of(w).items()})


def columns_of(w: Workload) -> Columns:
    return {f.name: getattr(w, f.name) for f in fields(Workload) if f.name != "slots"}


def read_only(values: np.ndarray) -> np.ndarray:
    found = values.copy()
    found.flags.writeable = False
    return found


def backwards(values: np.ndarray) -> np.ndarray:
    turned = (slice(None, None, -1),) * values.ndim
    return values[turned].copy()[turned]


def every_other(values: np.ndarray) -> np.ndarray:
    return np.repeat(values, 2, axis=-1)[..., ::2]


def one_for_all_networks(values: np.ndarray) -> np.ndarray:
    """Return an array without a stride where all networks have the same."""
    shared = (values == values[..., :1]).all()
    return np.broadcast_to(values[..., :1], values.shape) if shared else values


def one_for_all_layers(values: np.ndarray) -> np.ndarray:
    shared = (values == values[:1]).all()
    return np.broadcast_to(values[:1], values.shape) if shared else values


def one_column(values: np.ndarray) -> np.ndarray:
    shared = values.ndim == 2 and (values == values[:, :1]).all()
    return values[:, :1] if shared else values


@pytest.mark.parametrize(
    "laid_out",
    [
        read_only,
        np.asfortranarray,
        backwards,
        every_other,
        one_for_all_networks,
        one_for_all_layers,
        one_column,
    ],
)
def test_how_arrays_lie_in_memory_does_not_matter(laid_out, caplog):
    w, activity = plain_networks(), rates(LAYERS, LANES + 8)
    choices = mixed_choices(len(w))
    expected = digits(MODEL.cost(w, CHIP, activity=activity, choices=choices))
    caplog.clear()
    found = MODEL.cost(
        replace(w, **{name: laid_out(values) for name, values in columns_of(w).items()}),
        CHIP,
        activity=Activity(laid_out(activity.spike_rate), laid_out(activity.zero_rows)),
        choices={name: laid_out(values) for name, values in choices.items()},
    )
    assert digits(found) == expected
    assert not caplog.records  # nothing was compiled for it


@pytest.mark.parametrize("shape", [(), (LAYERS, 1), (LANES + 8,), (LAYERS, LANES + 8)])
def test_spike_rates_may_be_those_of_all_layers_or_networks(shape):
    w = plain_networks()
    given = generator().random(shape)
    whole = np.broadcast_to(given, (LAYERS, len(w))).copy()
    found = MODEL.cost(w, CHIP, activity=Activity(given, given))
    assert digits(found) == digits(MODEL.cost(w, CHIP, activity=Activity(whole, whole)))


@pytest.mark.parametrize("other", ["layer5", "layer2", "nowhere"])
def test_a_layer_that_waits_for_none_before_it_is_told_with_both_names(other):
    w = plain_networks()
    slots = tuple(Slot(s.name, after=(other,)) if s.name == "layer2" else s for s in w.slots)
    with pytest.raises(HardwareModelError, match=f"layer2: waits for '{other}', which is no layer"):
        MODEL.cost(replace(w, slots=slots), CHIP)


# Machine code


def some_costs() -> list[dict[str, list[object]]]:
    """Return what a few networks cost."""
    family = Workload.of(mixed_family(2))
    return [
        digits(MODEL.cost(w, CHIP, activity=rates(len(w.slots), n), choices=mixed_choices(n)))
        for w, n in ((mixed_networks(5), 5), (family, 2))
    ]


def test_machine_code_does_what_python_does():
    code = "import json, tests.hardware.test_compiled as t; print(json.dumps(t.some_costs()))"
    interpreted = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    for python, machine in zip(json.loads(interpreted.stdout), some_costs(), strict=True):
        for name, values in machine.items():
            assert python[name] == pytest.approx(values, rel=1e-12, abs=0), name


def test_a_change_of_a_source_or_a_constant_changes_the_digest(tmp_path, monkeypatch):
    folder = tmp_path / "cim"
    shutil.copytree(Path(compiled.__file__).parent, folder, ignore=lambda *_: ["__pycache__"])
    before = digest_of_sources(1.0, 2.0)
    monkeypatch.setattr(compiled, "__file__", str(folder / "compiled.py"))
    assert digest_of_sources(1.0, 2.0) == before
    assert digest_of_sources(1.0, 2.5) != before
    sources = sorted(folder.glob("*.py"))
    assert {"batch.py", "mapping.py", "timing.py"} <= {path.name for path in sources}
    found = {before}
    for path in sources:
        path.write_bytes(path.read_bytes() + b"# changed\n")
        found.add(digest_of_sources(1.0, 2.0))
    assert len(found) == len(sources) + 1


def compare(cache: Path) -> subprocess.CompletedProcess[str]:
    """Run ``neuronas compare`` with machine code kept in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "neuronas", "compare"],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache), "NUMBA_DISABLE_JIT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


Compared = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Compared:
    """A folder with machine code, and the process that compiled it."""
    cache = tmp_path_factory.mktemp("machine") / "code"
    return cache, compare(cache)


def kept(cache: Path, ending: str) -> Path:
    (found,) = cache.rglob(f"*.{ending}")
    return found


def test_the_first_process_compiles_and_says_so_the_second_does_not(first):
    cache, compiling = first
    assert compiling.returncode == 0
    assert "compiling the hardware model" in compiling.stderr
    again = compare(cache)
    assert (again.returncode, again.stdout, again.stderr) == (0, compiling.stdout, "")


@pytest.mark.parametrize(("ending", "left"), [("nbi", 0), ("nbc", 1000)])
def test_damaged_machine_code_stops_no_command(first, tmp_path, ending, left):
    cache, whole = first
    damaged = kept(shutil.copytree(cache, tmp_path / "cache"), ending)
    os.truncate(damaged, left)
    done = compare(tmp_path / "cache")
    assert (done.returncode, done.stdout) == (0, whole.stdout)
    assert "compiled code of the hardware model cannot be kept or read" in done.stderr
    assert f"delete it, {damaged.parent}" in done.stderr


def test_a_folder_that_cannot_be_made_stops_no_command(first, tmp_path):
    (tmp_path / "file").touch()
    done = compare(tmp_path / "file" / "below")
    assert (done.returncode, done.stdout) == (0, first[1].stdout)


FILL = """
def fill(numbers):
    for i in range(len(numbers)):
        numbers[i] = i + 1.0
"""


@pytest.fixture
def fill(tmp_path, monkeypatch) -> FunctionType:
    """A function that is compiled in no time, with a folder of its own for machine code."""
    source = tmp_path / "filling.py"
    source.write_text(FILL)
    description = importlib.util.spec_from_file_location("filling", source)
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    return module.fill


def fills(function: CompiledOnce) -> bool:
    numbers = np.zeros(3)
    function(numbers)
    return numbers.tolist() == [1, 2, 3]


def test_machine_code_is_read_where_it_was_kept(fill, tmp_path, caplog):
    assert fills(CompiledOnce(fill))
    assert "compiling" in caplog.text
    caplog.clear()
    assert fills(CompiledOnce(fill))
    assert not caplog.records
    kept(tmp_path / "cache", "nbc").unlink()
    assert fills(CompiledOnce(fill))
    assert "compiling" in caplog.text


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "last byte lost": lambda code: code[:-1],
    "most lost": lambda code: code[:30],
    "all lost": lambda code: b"",
    "zeros": lambda code: bytes(len(code)),
    "no text where text was": lambda code: code.replace(b"numba", b"\xff\xfe\xff\xfe\xff"),
    "names of nothing": lambda code: code.replace(b"numba", b"mumba"),
}


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_any_damage_to_machine_code_costs_time_only(fill, tmp_path, caplog, ending, damage):
    assert fills(CompiledOnce(fill))
    file = kept(tmp_path / "cache", ending)
    file.write_bytes(damage(file.read_bytes()))
    caplog.clear()
    function = CompiledOnce(fill)
    assert fills(function)
    assert "cannot be kept or read" in caplog.text
    caplog.clear()
    assert fills(function)
    assert not caplog.records


def test_where_no_folder_can_be_written_to_the_process_compiles_its_own(
    fill, tmp_path, caplog, monkeypatch
):
    blocked = tmp_path / "__pycache__"
    blocked.touch()  # even root makes no folder below a file
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(blocked / "cache"))
    for home in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(home, str(blocked / "home"))
    assert fills(CompiledOnce(fill))
    assert "NUMBA_CACHE_DIR" in caplog.text


def test_a_folder_that_goes_away_stops_nothing(fill, tmp_path, caplog):
    function = CompiledOnce(fill)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").touch()
    assert fills(function)
    assert "cannot be kept or read" in caplog.text


def test_code_that_cannot_be_kept_is_compiled_once(fill, tmp_path, caplog):
    function = CompiledOnce(fill)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").symlink_to(tmp_path / "no" / "folder")
    assert fills(function)
    assert "cannot be kept or read" in caplog.text
    assert caplog.text.count("compiling the hardware model") == 1
