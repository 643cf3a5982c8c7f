"""A trained network made smaller: pruning, quantization, self-distillation."""
