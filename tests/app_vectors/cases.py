"""What all of them are made of."""

import numpy as np
from pydantic import JsonValue

NETWORK = (64, 48)  # height, width
Arrays = dict[str, np.ndarray]
Case = dict[str, JsonValue]
