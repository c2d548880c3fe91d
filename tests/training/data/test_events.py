"""N-MNIST: event files, binned into frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronas.errors import DatasetError
from neuronas.training import load_dataset
from neuronas.training.data.events import bin_events
from tests.training.data.layouts import encoded, inputs, message_of, sizes, write_n_mnist

FRAME = (2, 34, 34)


event = st.tuples(
    st.integers(0, 33), st.integers(0, 33), st.integers(0, 1), st.integers(0, 2**23 - 1)
)


@given(st.lists(event, min_size=1, max_size=200), st.integers(1, 6))
def test_each_event_is_counted_once_in_its_part_of_the_samples_time(events, steps):
    found = bin_events(encoded(events), (steps, *FRAME), "file")
    expected = np.zeros((steps, *FRAME), dtype=int)
    first = min(t for *_, t in events)
    length = max(t for *_, t in events) - first + 1
    for x, y, polarity, t in events:
        expected[(t - first) * steps // length, polarity, y, x] += 1
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


def test_a_count_stops_at_255():
    found = bin_events(encoded([(1, 2, 0, 5)] * 300), (1, *FRAME), "file")
    assert found.sum() == found[0, 0, 2, 1] == 255


def test_a_wrapped_clock_goes_on():
    """An event in row 240 is a mark: the times after it are 8,192 us later."""
    events = encoded([(0, 0, 0, 0), (0, 240, 0, 0), (1, 0, 0, 100)])
    frames = bin_events(events, (2, *FRAME), "file")
    assert frames[0, 0, 0, 0] == 1
    assert frames[1, 0, 0, 1] == 1
    assert frames.sum() == 2


@pytest.mark.parametrize("events", [[(34, 0, 0, 0)], [(0, 35, 0, 0)], [(0, 240, 0, 0)]])
def test_events_outside_the_frame_or_none_at_all_are_damage(events):
    with pytest.raises(DatasetError, match="file: has no events, or some outside of 34x34"):
        bin_events(encoded(events), (1, *FRAME), "file")


@pytest.fixture
def files(tmp_path, sized) -> Path:
    """Write three samples a digit to train and one to test; sample d has d + 1 events."""
    sized("n_mnist", 20, 10, 10)
    write_n_mnist(tmp_path / "n_mnist")
    return tmp_path / "n_mnist"


def test_n_mnist_gives_a_frame_per_time_step(files):
    dataset = load_dataset("n_mnist", files, time_steps=4)
    assert sizes(dataset) == [20, 10, 10]
    assert dataset.train.images.shape == (20, 4, *FRAME)
    assert dataset.test.labels.tolist() == list(range(10))
    assert dataset.test.images.sum(axis=(1, 2, 3, 4)).tolist() == list(range(1, 11))
    assert "4 frames of counts" in dataset.description
    assert inputs(dataset.test).dtype == np.float32
    assert np.array_equal(inputs(dataset.test), dataset.test.images)  # counts stay counts


def test_other_numbers_of_frames_are_other_data(files):
    two = load_dataset("n_mnist", files, time_steps=2)
    three = load_dataset("n_mnist", files, time_steps=3)
    assert two.description != three.description
    assert (two.train.images.shape[1], three.train.images.shape[1]) == (2, 3)
    assert np.array_equal(two.train.labels, three.train.labels)


def test_a_number_of_frames_is_needed(files):
    assert "time_steps" in message_of("n_mnist", files)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\0", bytes(6), b"\xff" * 5])
def test_a_damaged_event_file_is_named(files, content):
    path = files / "Test" / "7" / "00038.bin"
    assert path.exists()
    path.write_bytes(content)
    message = message_of("n_mnist", files, time_steps=1)
    assert message.startswith(f"{path}: ")
    assert "get it again" in message


def test_missing_digits_are_named(files):
    (files / "Train" / "3").rename(files / "away")
    message = message_of("n_mnist", files, time_steps=1)
    assert f"no event files in {files / 'Train' / '3'}" in message
    assert "neuronas data fetch n_mnist" in message


def test_missing_files_are_counted(files):
    (files / "Train" / "3" / "00010.bin").unlink()
    message = message_of("n_mnist", files, time_steps=1)
    assert "n_mnist has 29 samples to train and 10 to test here, officially 30 and 10" in message
