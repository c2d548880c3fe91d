"""What can be told of a network without training it."""

from neuronas.training.proxies.images import noise_images, training_images
from neuronas.training.proxies.scoring import GROUPS, Proxies, Scored, score_proxies
from neuronas.training.proxies.spikes import SpikeScores, spike_scores
from neuronas.training.proxies.synflow import synflow

__all__ = [
    "GROUPS",
    "Proxies",
    "Scored",
    "SpikeScores",
    "noise_images",
    "score_proxies",
    "spike_scores",
    "synflow",
    "training_images",
]
