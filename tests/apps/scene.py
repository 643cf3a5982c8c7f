"""What the default network makes of the example photo, recorded: the apps' kits compose it as they would on a phone."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.contract import Components
from dmvton_mobile.imaging.composite import composite
from dmvton_mobile.imaging.decode import Pixels, read_picture
from dmvton_mobile.imaging.garment_mask import find_garment_mask
from dmvton_mobile.imaging.window import garment_canvas, network_input, person_window
from dmvton_mobile.networks.registry import DEFAULT_NETWORK
from dmvton_mobile.runtimes.bundled import run_components
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.tryon import COMPOSITED

EXAMPLES = Path(__file__).parents[2] / "examples"
PHOTO, GARMENT = EXAMPLES / "person.png", EXAMPLES / "sweater.png"


def record_scene(folder: Path) -> Pixels:
    """Writes scene.safetensors, named as the composites of the shared cases are; returns Python's composite."""
    network, _ = default_network(DEFAULT_NETWORK)
    sessions = [TorchSession(network, component) for component in Components.SPLIT.members]
    photo, garment = read_picture(PHOTO), read_picture(GARMENT)
    mask = find_garment_mask(garment, None).mask
    window, canvas = person_window(*photo.size), garment_canvas(*garment.size)
    size = sessions[0].contract.inputs[0].nchw_shape[2:]
    inputs = {
        "person": network_input(photo.rgb, window, size),
        "garment": network_input(garment.rgb, canvas, size),
        "garment_mask": network_input(mask, canvas, size),
    }
    computed = run_components(sessions, inputs)
    outputs = {name: computed[name] for name in ("person", *COMPOSITED)}
    answer = composite(photo.rgb, window, garment.rgb, mask, canvas, outputs, network.config.align_corners)
    held = {"photo": photo.rgb, "garment": garment.rgb, "mask": mask, "answer": answer, **outputs}
    arrays = {f"composite.scene.{name}": np.ascontiguousarray(value) for name, value in held.items()}
    save_file(arrays, folder / "scene.safetensors")
    return answer
