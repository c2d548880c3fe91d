"""How well cheap scores rank networks as longer training does.

Networks of differing size and connectivity are scored without training and trained briefly, and
then trained for longer with another seed. Kendall's tau between a score and the longer training's
accuracy says what the score is worth, its processor time what it costs.
"""

from neuronas.benchmarks.proxies.measuring import Step, bench_proxies, measure
from neuronas.benchmarks.proxies.networks import networks
from neuronas.benchmarks.proxies.ranking import Fidelity, fidelities
from neuronas.benchmarks.proxies.state import Measured, Reading, State

__all__ = [
    "Fidelity",
    "Measured",
    "Reading",
    "State",
    "Step",
    "bench_proxies",
    "fidelities",
    "measure",
    "networks",
]
