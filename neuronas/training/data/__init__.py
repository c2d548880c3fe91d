"""Datasets as arrays with fixed splits: train, validation, test.

The search sees validation accuracy only; the test split is read for the final front alone.
"""

from neuronas.training.data.loading import load_dataset
from neuronas.training.data.parts import Part, Parts
from neuronas.training.data.splits import Dataset, Scaling, Split

__all__ = ["Dataset", "Part", "Parts", "Scaling", "Split", "load_dataset"]
