"""Virtual try-on on the phone: the core that the converters, the training and the benchmarks share."""

__version__ = "0.1.0"
