"""``python -m neuronas``."""

from neuronas.cli import main

main()
