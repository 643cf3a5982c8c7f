"""Runs a .tflite file in tflite_runtime, in an environment that has nothing but it and numpy (test_classic_tflite.py).

python classic_runtime.py model.tflite inputs.npz outputs.npz
Both .npz files hold the arrays by their names in the model's signature, in the model's own layouts.
"""

import sys

import numpy as np
from tflite_runtime.interpreter import Interpreter  # type: ignore[import-not-found]


def main(model: str, inputs: str, outputs: str) -> None:
    runner = Interpreter(model, num_threads=1).get_signature_runner("serving_default")
    with np.load(inputs) as given:
        results = runner(**{name: given[name] for name in given.files})
    np.savez(outputs, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
