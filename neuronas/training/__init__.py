"""How good a candidate is: data, brief training, weights."""

from neuronas.training.data import Dataset, Split, load_dataset
from neuronas.training.loop import RECIPE, train, train_in_rungs
from neuronas.training.measuring import Score, score
from neuronas.training.post_training import quantized_after
from neuronas.training.trainer import Trainer

__all__ = [
    "RECIPE",
    "Dataset",
    "Score",
    "Split",
    "Trainer",
    "load_dataset",
    "quantized_after",
    "score",
    "train",
    "train_in_rungs",
]
