"""What was asked, proposed and measured: plain frozen values that storage keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from neuronas.architecture import Architecture
from neuronas.config import StudyConfig
from neuronas.errors import NeuronasError


class CandidateState(StrEnum):
    """What became of a candidate; an exceeded one broke a budget once its cost was measured."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    PRUNED = "pruned"
    EXCEEDED = "exceeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class EvaluationKey:
    """What makes two trainings the same training.

    Attributes:
        digest: Training digest of the network.
        epochs: Epochs trained.
        seed: Seed of the training.
    """

    digest: str
    epochs: int
    seed: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where and with what a network was trained.

    Attributes:
        device: ``cpu`` or ``cuda``.
        threads: Threads of the training process.
        split: Dataset and its split.
        versions: Version per package.
    """

    device: str
    threads: int
    split: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good one trained network is.

    Attributes:
        key: What was trained.
        validation_accuracy: In [0, 1].
        test_accuracy: In [0, 1]; None until the network stands on a finished front.
        spike_rates: Spikes per neuron and time step of each LIF layer, on validation data.
        zero_inputs: Share of positions and time steps of each LIF layer at which no channel
            fires, on validation data; None where an earlier version did not measure it.
        train_seconds: Wall time of the training.
        peak_memory_bytes: Most memory of the process during the training above that before it;
            None where it is not known.
        weights_path: Weights file, relative to the checkpoint folder.
        weights_sha256: Digest of that file.
        provenance: Where and with what.
    """

    key: EvaluationKey
    validation_accuracy: float
    test_accuracy: float | None
    spike_rates: Mapping[str, float]
    zero_inputs: Mapping[str, float] | None
    train_seconds: float
    peak_memory_bytes: int | None
    weights_path: Path
    weights_sha256: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Rung:
    """How good a network is whose training paused.

    Attributes:
        key: What is trained, to the end of its training.
        epochs: Epochs done.
        validation_accuracy: In [0, 1], with the weights as they are.
        train_seconds: Wall time of the training so far.
        peak_memory_bytes: As of an evaluation, of the training so far.
        checkpoint_path: File of its state, relative to the checkpoint folder.
        checkpoint_sha256: Digest of that file.
    """

    key: EvaluationKey
    epochs: int
    validation_accuracy: float
    train_seconds: float
    peak_memory_bytes: int | None
    checkpoint_path: Path
    checkpoint_sha256: str


class TrainingPausedError(NeuronasError):
    """A training pauses, as its process is drained; ``rung`` is where it can go on."""

    def __init__(self, rung: Rung) -> None:
        super().__init__(f"paused behind epoch {rung.epochs}")
        self.rung = rung

    def __reduce__(self) -> tuple[type[TrainingPausedError], tuple[Rung]]:
        """Return how to make it again in another process."""
        return type(self), (self.rung,)


@dataclass(frozen=True, slots=True)
class InRungs:
    """A candidate whose training finished a rung.

    Attributes:
        state: Of the candidate.
        accuracies: Validation accuracy by the rung's epochs.
        final: Validation accuracy at the end of the training; None before it.
    """

    state: CandidateState
    accuracies: Mapping[int, float]
    final: float | None


@dataclass(frozen=True, slots=True)
class CostRecord:
    """What one candidate costs, per layer and in total.

    Attributes:
        model: Hardware model.
        chip: Chip.
        energy_pj, latency_ns, area_um2: Totals of one inference and of the chip.
        parameters, memory_bits: Classifier included.
        num_pe, num_tiles: Processing elements and tiles.
        quantities: Everything that a budget may limit, in the units of budgets and reports;
            earlier versions knew less.
        constraints: By how much of it each limit is missed, in the fixed order; at most 0 within.
        area_parts_um2: Area per component.
        layers: One mapping per layer.
        not_modelled: Layers and effects that the model leaves out.
    """

    model: str
    chip: str
    energy_pj: float
    latency_ns: float
    area_um2: float
    parameters: int
    memory_bits: int
    num_pe: int
    num_tiles: int
    quantities: Mapping[str, float]
    constraints: Mapping[str, float]
    area_parts_um2: Mapping[str, float]
    layers: Sequence[Mapping[str, Any]]
    not_modelled: Mapping[str, Any]

    @property
    def fits(self) -> bool:
        """Whether every budget is met."""
        return all(violation <= 0 for violation in self.constraints.values())


@dataclass(frozen=True, slots=True)
class Candidate:
    """One proposed network of a study.

    Attributes:
        trial_number: Its number in the Optuna study.
        architecture: The network, as drawn.
        training_digest: Digest of what decides its accuracy.
        deployment_digest: That, and the chip.
        chip: What it chooses on the chip, by setting.
        retry_of: Number of the interrupted trial that this one repeats.
        feasible_probability: Of staying within every budget once its cost is measured, as the
            sampler stated it; None where it did not.
    """

    trial_number: int
    architecture: Architecture
    training_digest: str
    deployment_digest: str
    chip: Mapping[str, Any] = field(default_factory=dict)
    retry_of: int | None = None
    feasible_probability: float | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate with everything that is known of it.

    Attributes:
        candidate: The network.
        state: What became of it.
        reason: Why it failed or was pruned.
        newly_trained: Whether this trial trained it, rather than reuse an evaluation.
        cost: What it costs at assumed spike rates, as it was when proposed.
        measured_cost: What it costs at those that its training measured.
        evaluation: How good it is, once trained.
        deaths: Processes that died while they went on with its paused training.
    """

    candidate: Candidate
    state: CandidateState
    reason: str | None
    newly_trained: bool
    cost: CostRecord
    measured_cost: CostRecord | None
    evaluation: Evaluation | None
    deaths: int = 0

    @property
    def known_cost(self) -> CostRecord:
        """Its measured cost where there is one, its assumed cost before."""
        return self.measured_cost or self.cost


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A trial on a study's Pareto front.

    Attributes:
        trial_number: The trial.
        objectives: Value per objective, in the study's order and the units of reports.
    """

    trial_number: int
    objectives: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FrontChange:
    """What a new point does to a front.

    Attributes:
        objectives: The new point.
        enters: Whether it stands on the front.
        leaves: Trials that it dominates.
        hypervolume: Hypervolume afterwards, in [0, 1].
    """

    objectives: Mapping[str, float]
    enters: bool
    leaves: tuple[int, ...]
    hypervolume: float


@dataclass(frozen=True, slots=True)
class Stated:
    """What samplers stated of trained networks, against what was measured.

    Attributes:
        networks: Those of which a probability of staying within every budget was stated.
        exceeded: How many of them broke a budget when measured.
        expected: How many would have, by what was stated.
    """

    networks: int
    exceeded: int
    expected: float


@dataclass(frozen=True, slots=True)
class FrontEvent:
    """A trial entering or leaving a study's Pareto front.

    Attributes:
        time: When.
        trial_number: The trial.
        enters: Whether it enters; otherwise it leaves.
        left_for: The trial for which it leaves.
        objectives: Its objectives, in the units of reports.
        hypervolume: Of the front afterwards, in [0, 1].
        trained: Networks that the study had newly trained by then.
    """

    time: datetime
    trial_number: int
    enters: bool
    left_for: int | None
    objectives: Mapping[str, float]
    hypervolume: float
    trained: int


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A stored study.

    Attributes:
        name: Name, unique in the database.
        config: The study file, as stored.
        target_trials: Newly trained networks asked for.
        reference: Worst value per objective, from which the hypervolume is measured.
        drawn: Genotypes drawn so far.
        rejected: Of those, how many were turned away before they became trials.
        rejections: How many each reason turned away; one genotype may break several budgets.
        state: ``running``, ``finished``, ``exhausted`` or ``stopped``.
        created_at: When it was first run.
        counts: Trials per state; ``trained`` and ``reused`` split those that have an evaluation,
            which are the complete and the exceeded ones.
        failures: Failed trials per reason.
        stated: What samplers stated of them.
        epochs: Epochs trained by the study, as far as known of trainings that failed.
        wall_seconds: Seconds in which at least one worker searched. It makes no two records
            differ.
        since_gain: Networks newly trained since the hypervolume last grew.
        environment: What a worker must have like the others; empty before the first joined.
    """

    name: str
    config: StudyConfig
    target_trials: int
    reference: Mapping[str, float]
    drawn: int
    rejected: int
    rejections: Mapping[str, int]
    state: str
    created_at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    stated: Stated = Stated(0, 0, 0.0)
    epochs: float = 0.0
    wall_seconds: float = field(default=0.0, compare=False)
    since_gain: int = 0
    environment: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a study is, and whether another trial may begin.

    Attributes:
        state: Of the study.
        target_trials: Newly trained networks asked for.
        trained: Networks newly trained.
        running: Candidates that a worker holds.
        paused: Candidates whose training pauses.
        epochs: Epochs trained.
        wall_seconds: Seconds in which at least one worker searched.
        since_gain: Networks newly trained since the hypervolume last grew; 0 where no rule asks.
        begun: Whether a candidate like that which is about to begin was begun already.
        held: Number of its trial where it was so by the asking worker, which holds it still.
        is_trained: Whether a network like it was trained, for however long and by whatever study.
    """

    state: str
    target_trials: int
    trained: int
    running: int
    paused: int
    epochs: float
    wall_seconds: float
    since_gain: int
    begun: bool = False
    held: int | None = None
    is_trained: bool = False


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works, or worked, on a study.

    Attributes:
        id: Unique in the database.
        study: Name of the study.
        task: ``search``, ``final`` or ``ablate``.
        slot: The smallest number, from 0, that no other living worker of the study had when this
            one joined.
        host: Name of its machine.
        pid: Of its process, on that machine.
        engine: What started it: ``slurm``, ``ray``, ``local`` or ``none``.
        job_id: Of that engine.
        restarts: How often the engine had started that job before.
        device: Where it trains.
        alive: Whether it has not left and its lease has not expired.
        joined_s, expires_s: Seconds since 1970 by the database's clock.
        trial_number: The trial that it holds, if any.
    """

    id: int
    study: str
    task: str
    slot: int
    host: str
    pid: int
    engine: str
    job_id: str | None
    restarts: int
    device: str
    alive: bool
    joined_s: float
    expires_s: float
    trial_number: int | None = None
