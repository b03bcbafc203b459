"""bmcha keeps two redundant chassis management modules in step, with one of them in charge."""

__version__ = "0.1.0"
