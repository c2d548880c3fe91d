"""A chip's constants at its technology node."""

from __future__ import annotations

from neuronas.errors import HardwareModelError
from neuronas.hardware.chip import Chip
from neuronas.hardware.cim.settings import CimSettings


class Technology:
    """The constants of a chip, scaled to its node.

    A constant that was given at node n grows with ``(node / n) ** node_exponent``. Both nodes must
    lie between ``scaling_from`` and ``scaling_to``, where the exponents were fitted.

    Args:
        chip: A chip of model ``cim``.

    Raises:
        HardwareModelError: It is another model's, or a node is out of range.
    """

    def __init__(self, chip: Chip) -> None:
        if not isinstance(chip.settings, CimSettings):
            raise HardwareModelError(
                f"chip '{chip.name}' describes model '{chip.model}', not 'cim'"
            )
        self.chip = chip
        self.settings: CimSettings = chip.settings
        self._range = chip.value("scaling_from"), chip.value("scaling_to")
        self._require_in_range("settings.node_nm", self.settings.node_nm)
        self._values: dict[str, float] = {}

    def _require_in_range(self, what: str, node_nm: float) -> None:
        low, high = self._range
        if not low <= node_nm <= high:
            raise HardwareModelError(
                f"chip '{self.chip.name}': {what} is {node_nm:g} nm; constants are scaled between "
                f"{low:g} and {high:g} nm only"
            )

    def __getitem__(self, constant: str) -> float:
        """Return a constant at the chip's node, in its own unit."""
        if constant not in self._values:
            self._values[constant] = self._scaled(constant)
        return self._values[constant]

    def _scaled(self, constant: str) -> float:
        value = self.chip.value(constant)
        given = self.chip.constants[constant]
        node = self.settings.node_nm
        if given.node_nm is None or given.node_exponent is None or given.node_nm == node:
            return value
        self._require_in_range(f"constants.{constant}.node_nm", given.node_nm)
        return value * float((node / given.node_nm) ** given.node_exponent)
