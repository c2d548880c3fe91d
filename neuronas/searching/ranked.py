"""Samplers that score many untrained networks first, and then propose them best first."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neuronas import interrupts
from neuronas.architecture import Architecture, network_keys
from neuronas.config import StudyConfig
from neuronas.errors import SpaceExhaustedError, TrainingFailedError
from neuronas.searching.assessment import Ints
from neuronas.searching.methods import METHODS, shortlist
from neuronas.searching.region import FeasibleRegion
from neuronas.searching.samplers import GatedSampler
from neuronas.searching.seeds import Stream, derived_seed, generator
from neuronas.storage import Repository

CANDIDATES = 5000
"""Networks that are scored where a study does not say; the default of SNASNet's code."""

_SECONDS_PER_REPORT = 5.0

Say = Callable[[str], None]


class Scorer(Protocol):
    """Whatever scores networks without training; :class:`neuronas.training.Trainer` is one."""

    def scoring_context(self) -> Mapping[str, object]:
        """Return what, besides network and seed, decides its score."""

    def untrained_score(self, architecture: Architecture, seed: int) -> float:
        """Return the score of an untrained network; higher is better, minus infinity is last."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The networks that a study's method looks at, in the order of their scores.

    Equal seeds give equal networks, and a score is stored within seconds, for all studies of the
    database: a restart goes on where scoring was stopped.

    Attributes:
        config: The study.
        region: Its space, budget and chip.
        repository: Where scores are kept.
        scorer: Scores networks.
    """

    config: StudyConfig
    region: FeasibleRegion
    repository: Repository
    scorer: Scorer

    def best_first(self, say: Say) -> Ints:
        """Return genotypes of distinct networks, shape ``(N, G)``, the best first.

        What the method turned away is added to the region's tally, if the study has none yet.

        Args:
            say: Told of progress every few seconds.

        Raises:
            SpaceExhaustedError: No network passes the method's checks.
            TrainingFailedError: A network cannot be scored, for want of memory.
        """
        search = self.config.search
        count = CANDIDATES if search.candidates is None else search.candidates
        source = generator(search.seed, Stream.POOL)
        listed = shortlist(METHODS[search.sampler], self.region, source, count)
        if not self.repository.study(self.config.name).drawn:
            self.region.tally.add(listed.tally)
        looked = f"{listed.tally.drawn:,} of {self.region.space.size:,} genotypes looked at"
        say(f"scoring {len(listed.genes):,} untrained networks: {looked}")
        scores = self._scores(listed.genes, say)
        silent = int(np.isinf(scores).sum())
        say(f"scored {len(scores):,} untrained networks, {silent:,} of them at minus infinity")
        return np.asarray(listed.genes[np.argsort(-scores, kind="stable")])

    def _scores(self, genes: Ints, say: Say) -> NDArray[np.float64]:
        """Return the score of each network, shape ``(N,)``, and store those that are new."""
        networks = self.region.space.decode(genes)
        keys = network_keys(networks)
        names = [hashlib.sha256(key).hexdigest() for key in keys]
        context = self._context()
        scores = self.repository.scores(context)
        missing = {name: row for row, name in enumerate(names) if name not in scores}
        started, fresh = time.monotonic(), dict[str, float]()
        reported = started
        try:
            for done, (name, row) in enumerate(missing.items(), 1):
                interrupts.check()
                fresh[name] = self._score(networks[row])
                now = time.monotonic()
                if now - reported >= _SECONDS_PER_REPORT:
                    self.repository.add_scores(context, fresh)
                    scores |= fresh
                    fresh, reported = {}, now
                    left = (now - started) / done * (len(missing) - done)
                    say(f"scoring: {done:,} of {len(missing):,} networks, {left:,.0f} s left")
        finally:
            self.repository.add_scores(context, fresh)
        scores |= fresh
        return np.array([scores[name] for name in names])

    def _score(self, network: Architecture) -> float:
        try:
            return self.scorer.untrained_score(network, self._seed)
        except TrainingFailedError as failure:
            cells = " / ".join(network.cnt_mats())
            failure.add_note(
                f"while scoring cells {cells}, {network.channels} channels, T = "
                f"{network.time_steps}, without training; scores until here are stored. Allow "
                "smaller choices in the space"
            )
            raise

    @property
    def _seed(self) -> int:
        """Seed of all networks' weights and of the samples: the scores are to be compared."""
        return derived_seed(self.config.search.seed, Stream.POOL, 0)

    def _context(self) -> str:
        """Return the digest of what, besides the network, decides its score."""
        space = self.region.space
        content = {
            "scorer": self.scorer.scoring_context(),
            "seed": self._seed,
            "input_shape": space.input_shape,
            "classes": space.classes,
            "neuron": space.neuron.model_dump(),
        }
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class RankedSampler(GatedSampler):
    """A sampler that proposes scored networks, the best first, each once.

    It stays inside the region only as far as its method asks for it: what breaks another budget
    becomes a trial, which ends pruned.

    Args:
        region: The study's space, budget and chip.
        seed: The study's seed.
        best_first: Scores, and returns genotypes, the best first.
    """

    stays_inside = False

    def __init__(
        self, region: FeasibleRegion, seed: int, best_first: Callable[[Say], Ints]
    ) -> None:
        super().__init__(region, seed)
        self._best_first = best_first
        self._ranked: list[tuple[bytes, Ints]] | None = None

    def prepare(self, say: Say) -> None:
        """Score, unless that is done."""
        if self._ranked is None:
            genes = self._best_first(say)
            keys = self.region.keys(genes)
            self._ranked = list(zip(keys, genes, strict=True))

    def _draw(self, number: int) -> Ints:
        """Return the best network that was not proposed, shape ``(G,)``."""
        self.prepare(lambda _: None)
        assert self._ranked is not None
        for key, genes in self._ranked:
            if self._is_new(key):
                return genes
        raise SpaceExhaustedError(
            f"all {len(self._ranked):,} networks that were scored have been proposed; more are "
            "scored with a larger search.candidates, where the space has them"
        )
