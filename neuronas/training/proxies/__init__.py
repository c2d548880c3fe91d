"""What can be told of a network without training it."""

from neuronas.training.proxies.images import (
    image_source,
    noise_frames,
    noise_images,
    require_dataset,
    training_images,
)
from neuronas.training.proxies.scoring import (
    BUILD,
    GROUPS,
    Proxies,
    Scored,
    one_thread,
    score_proxies,
    scoring_bytes,
    warm_up,
)
from neuronas.training.proxies.spikes import SpikeScores, spike_scores
from neuronas.training.proxies.synflow import synflow

__all__ = [
    "BUILD",
    "GROUPS",
    "Proxies",
    "Scored",
    "SpikeScores",
    "image_source",
    "noise_frames",
    "noise_images",
    "one_thread",
    "require_dataset",
    "score_proxies",
    "scoring_bytes",
    "spike_scores",
    "synflow",
    "training_images",
    "warm_up",
]
