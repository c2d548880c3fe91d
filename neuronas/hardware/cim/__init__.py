"""The parametric model of a compute-in-memory chip for spiking networks."""

from neuronas.hardware.cim.model import MODEL, Cim
from neuronas.hardware.cim.settings import CimSettings

__all__ = ["MODEL", "Cim", "CimSettings"]
