"""`TryOn`: prepare a garment once, then one call per frame. The network runs in PyTorch or from a bundle."""

import hashlib
import platform
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dmvton_mobile.bundles.bundle import Bundle, read_bundle, verify_files
from dmvton_mobile.checkpoints.checkpoint import load_checkpoint
from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.contract import Components
from dmvton_mobile.errors import CheckFailed, DmvtonError, NotInstalledError
from dmvton_mobile.imaging.composite import composite
from dmvton_mobile.imaging.decode import Picture, Pixels
from dmvton_mobile.imaging.garment_mask import GarmentMask
from dmvton_mobile.imaging.window import Window, garment_canvas, network_input, person_window
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.registry import DEFAULT_NETWORK
from dmvton_mobile.runtimes.bundled import DeviceOnly, bundled_targets, open_components, run_components
from dmvton_mobile.runtimes.session import Session, Tensors
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.targets import Precision, Target

KEPT_GARMENTS = 4  # the last ones tried on; each holds its full-resolution picture
COMPOSITED = ("flow", "composition", "rendered")


@dataclass(frozen=True, eq=False)
class PreparedGarment:
    """A garment that the `TryOn` which prepared it can put on anybody.

    Attributes:
        picture: the garment's picture at its own resolution.
        mask: of the same size.
        canvas: the 3:4 canvas around the picture.
        tensors: what the network takes of the garment for a frame, by name.
        maker: the `TryOn` that prepared it.
    """

    picture: Picture
    mask: GarmentMask
    canvas: Window
    tensors: Tensors = field(repr=False)
    maker: "TryOn" = field(repr=False)


class TryOn:
    """Puts garments on people, at the photos' own resolution. Not safe for use by several threads at once.

    Args:
        sessions: the network's components, each fed by the inputs and by the components before it. The last runs once
            per frame, the others once per garment. A network in one graph (`Components.WHOLE`) has only the last, so
            every frame computes the garment's features again.
        align_corners: the sampling convention of the network.
        trained: whether the weights are the result of training.
        runtime: the runtime's name for messages, like `onnx fp16`.

    Attributes:
        size: height and width of the network's pictures.
    """

    def __init__(self, sessions: Sequence[Session], *, align_corners: bool, trained: bool, runtime: str):
        *self._once, self._frame = sessions
        self._align_corners = align_corners
        self._garments: OrderedDict[bytes, PreparedGarment] = OrderedDict()
        self.trained = trained
        self.runtime = runtime
        shapes = {tensor.name: tensor.nchw_shape for tensor in self._frame.contract.inputs}
        self.size = shapes["person"][2:]

    @classmethod
    def from_checkpoint(cls, path: Path) -> "TryOn":
        """Runs a checkpoint in PyTorch. Raises CheckpointError, and DmvtonError for a parser-based network."""
        network, card = load_checkpoint(path)
        return cls._from_network(network, trained=card.trained)

    @classmethod
    def default(cls) -> "TryOn":
        """Runs the default network in PyTorch, with the weights that come with this package."""
        network, card = default_network(DEFAULT_NETWORK)
        return cls._from_network(network, trained=card is not None and card.trained)

    @classmethod
    def from_bundle(
        cls, path: Path, runtime: Target | None = None, precision: Precision | None = None, threads: int = 2
    ) -> "TryOn":
        """Runs a bundle's artifacts, after checking every file against its hash.

        Args:
            path: the bundle's folder, or a .zip of it.
            runtime: None for the first of the manifest that this machine can run. Core ML's evaluator, which is slow,
                comes last.
            precision: None for the precision that the manifest recommends for the runtime, else its first.
            threads: CPU threads of the runtime.

        Raises:
            BundleError: the bundle is damaged.
            DmvtonError: the bundle has no such artifacts, or this machine can run none of them.
        """
        bundle = read_bundle(path)
        verify_files(bundle)
        bundled = bundled_targets(bundle)
        holds = f"{path.name} holds {', '.join(f'{target} {kind}' for target, kind in bundled)}."
        wanted = [choice for choice in bundled if runtime in (None, choice[0]) and precision in (None, choice[1])]
        if not wanted:
            named = " ".join(choice for choice in (runtime, precision) if choice)
            raise DmvtonError(f"{path.name} has no artifacts for {named}. {holds}")
        missing: list[str] = []
        for target, kind in sorted(wanted, key=lambda choice: _rank(bundle, *choice)):
            try:
                sessions = open_components(bundle, target, kind, threads)
            except (DeviceOnly, NotInstalledError) as error:
                missing += [str(error)] if str(error) not in missing else []
                continue
            manifest, name = bundle.manifest, f"{target} {kind}"
            return cls(sessions, align_corners=manifest.align_corners, trained=manifest.trained, runtime=name)
        raise DmvtonError(" ".join([*missing, holds]))

    @classmethod
    def _from_network(cls, network: TryOnNetwork, *, trained: bool) -> "TryOn":
        sessions = [TorchSession(network, component) for component in Components.SPLIT.members]
        return cls(sessions, align_corners=network.config.align_corners, trained=trained, runtime="torch")

    def prepare_garment(self, garment: Picture, mask: GarmentMask) -> PreparedGarment:
        """Computes what frames need of a garment. The last few are kept: the same pixels and mask are prepared once.

        Args:
            garment: the garment's picture.
            mask: of the same size. Whether it can be right is not checked here; see `mask_problem`.

        Raises:
            DmvtonError: the mask has another size than the picture.
        """
        if mask.mask.shape != garment.size:
            raise DmvtonError(f"The mask is {list(mask.mask.shape)}, its garment {list(garment.size)} (height, width).")
        key = _content(garment.rgb, mask.mask)
        if key in self._garments:
            self._garments.move_to_end(key)
            return self._garments[key]
        canvas = garment_canvas(*garment.size)
        inputs = {
            "garment": network_input(garment.rgb, canvas, self.size),
            "garment_mask": network_input(mask.mask, canvas, self.size),
        }
        tensors = run_components(self._once, inputs)
        taken = {name: tensors[name] for name in self._frame.contract.input_names if name != "person"}
        self._garments[key] = PreparedGarment(garment, mask, canvas, taken, self)
        if len(self._garments) > KEPT_GARMENTS:
            self._garments.popitem(last=False)
        return self._garments[key]

    def try_on(self, person: Picture, garment: PreparedGarment) -> Pixels:
        """Puts the garment on the person.

        Returns:
            The photo with the garment on, uint8 [H, W, 3], in the photo's own size and unchanged outside the window.

        Raises:
            DmvtonError: another TryOn prepared the garment.
            CheckFailed: an output of the network holds NaN or infinity.
        """
        if garment.maker is not self:
            raise DmvtonError("This garment was prepared by another TryOn: prepare it with the one that tries it on.")
        window = person_window(*person.size)
        seen = network_input(person.rgb, window, self.size)
        outputs = self._frame.run({"person": seen, **garment.tensors})
        for name in COMPOSITED:
            if not np.isfinite(outputs[name]).all():
                raise CheckFailed(f"{self.runtime}: the output {name} holds NaN or infinity for {person.path}.")
        return composite(
            person.rgb,
            window,
            garment.picture.rgb,
            garment.mask.mask,
            garment.canvas,
            {"person": seen, **{name: outputs[name] for name in COMPOSITED}},
            self._align_corners,
        )


def _rank(bundle: Bundle, target: Target, precision: Precision) -> tuple[bool, bool]:
    """Lower runs first: Core ML's evaluator is last, and what the manifest recommends precedes what it does not."""
    evaluated = target is Target.COREML and platform.system() != "Darwin"
    advice = bundle.manifest.recommendations
    return evaluated, advice is not None and precision is not advice.precision(target)


def _content(*arrays: Pixels) -> bytes:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
