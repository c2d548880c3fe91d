"""What ``neuronas bench`` runs: paired timings against a baseline, in one process."""

from neuronas.benchmarks.timing import Timing, compare

__all__ = ["Timing", "compare"]
