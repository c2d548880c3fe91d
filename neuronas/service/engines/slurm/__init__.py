"""Slurm: workers as tasks of job arrays, by Slurm's own commands."""

from neuronas.service.engines.slurm.engine import SlurmEngine

__all__ = ["SlurmEngine"]
