"""`TryOn`: prepare a garment once, then one call per frame; the network behind it runs in PyTorch or from a bundle."""

import hashlib
import platform
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dmvton_mobile.bundles.bundle import Bundle, read_bundle, verify_files
from dmvton_mobile.bundles.manifest import DEVICE_ONLY, Artifact, BundleError
from dmvton_mobile.checkpoints.checkpoint import load_checkpoint
from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.contract import Components
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.imaging.composite import composite
from dmvton_mobile.imaging.garment_mask import GarmentMask
from dmvton_mobile.imaging.decode import Picture, Pixels
from dmvton_mobile.imaging.window import Window, garment_canvas, network_input, person_window
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.registry import DEFAULT_NETWORK
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.runtimes.session import Session, Tensors
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.targets import Precision, Target

KEPT_GARMENTS = 4  # the last ones tried on; each holds its full-resolution picture
COMPOSITED = ("flow", "composition", "rendered")


class DeviceOnly(DmvtonError):
    """An artifact that no host can run."""


@dataclass(frozen=True, eq=False)
class PreparedGarment:
    """A garment that the `TryOn` which made it can put on anybody.

    canvas: the 3:4 canvas around the picture. tensors: what the network's frame takes of the garment, by name.
    """

    picture: Picture
    mask: GarmentMask
    canvas: Window
    tensors: Tensors = field(repr=False)
    maker: "TryOn" = field(repr=False)


class TryOn:
    """Puts garments on people, at the photos' own resolution. Not for several threads at once.

    sessions: the network's components, each fed by the inputs and the ones before it; the last runs once per frame, the
    others once per garment. A network in one graph (`Components.WHOLE`) has only the last: then nothing but the
    garment's network inputs is kept between frames, and every frame pays for the garment again.
    trained: whether the weights are the result of training; say "untrained" to people where they are not.
    runtime: what runs it, for people, like `onnx fp16`.
    """

    def __init__(self, sessions: Sequence[Session], *, align_corners: bool, trained: bool, runtime: str):
        *self._once, self._frame = sessions
        self._align_corners = align_corners
        self._garments: OrderedDict[bytes, PreparedGarment] = OrderedDict()
        self.trained = trained
        self.runtime = runtime
        shapes = {tensor.name: tensor.nchw_shape for tensor in self._frame.contract.inputs}
        self.size = shapes["person"][2:]  # height, width of the network's pictures

    @classmethod
    def from_checkpoint(cls, path: Path) -> "TryOn":
        """A checkpoint of ours in PyTorch. Raises CheckpointError, and DmvtonError for a parser-based network."""
        network, card = load_checkpoint(path)
        return cls._from_network(network, trained=card.trained)

    @classmethod
    def default(cls) -> "TryOn":
        """The default network with the weights that come with this package, in PyTorch."""
        network, card = default_network(DEFAULT_NETWORK)
        return cls._from_network(network, trained=card is not None and card.trained)

    @classmethod
    def from_bundle(
        cls, path: Path, runtime: Target | None = None, precision: Precision | None = None, threads: int = 2
    ) -> "TryOn":
        """A bundle's artifacts, every file checked against its hash first.

        runtime, precision: which artifacts; where open, the first of the manifest that can be run here, in the
        precision that it recommends, and Core ML's evaluator last: it proves a program, it does not race. Raises
        BundleError for a damaged bundle, DmvtonError naming what it holds where it does not hold the wanted ones or
        none of them can be run here.
        """
        bundle = read_bundle(path)
        verify_files(bundle)
        held = held_pairs(bundle)
        holds = f"{path.name} holds {', '.join(f'{target} {kind}' for target, kind in held)}."
        wanted = [pair for pair in held if runtime in (None, pair[0]) and precision in (None, pair[1])]
        if not wanted:
            named = " ".join(choice for choice in (runtime, precision) if choice)
            raise DmvtonError(f"{path.name} has no artifacts for {named}. {holds}")
        missing: list[str] = []
        advice = bundle.manifest.recommendations

        def rank(pair: tuple[Target, Precision]) -> tuple[bool, bool]:
            target, kind = pair
            evaluated = target is Target.COREML and platform.system() != "Darwin"
            return evaluated, advice is not None and kind is not advice.precision(target)

        for target, kind in sorted(wanted, key=rank):
            try:
                sessions = open_components(bundle, target, kind, threads)
            except DmvtonError as error:
                if not (isinstance(error, DeviceOnly) or not_installed(error)):
                    raise
                missing += [str(error)] if str(error) not in missing else []
                continue
            manifest, ran_by = bundle.manifest, f"{target} {kind}"
            return cls(sessions, align_corners=manifest.align_corners, trained=manifest.trained, runtime=ran_by)
        raise DmvtonError(" ".join([*missing, holds]))

    @classmethod
    def _from_network(cls, network: TryOnNetwork, *, trained: bool) -> "TryOn":
        sessions = [TorchSession(network, component) for component in Components.SPLIT.members]
        return cls(sessions, align_corners=network.config.align_corners, trained=trained, runtime="torch")

    def prepare_garment(self, garment: Picture, mask: GarmentMask) -> PreparedGarment:
        """What frames need of a garment. The last few are kept: the same pixels and mask are prepared once.

        mask: of the garment's own size, else DmvtonError. A mask that cannot be right is taken: ask `mask_problem`.
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
        """The person's photo with the garment on: uint8 [H, W, 3], the photo's own size; outside the window unchanged.

        Raises DmvtonError for a garment that another TryOn prepared, CheckFailed where the network gives no numbers.
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


def held_pairs(bundle: Bundle) -> list[tuple[Target, Precision]]:
    """The runtimes and precisions of a bundle's artifacts, in the manifest's order."""
    return list(dict.fromkeys((artifact.target, artifact.precision) for artifact in bundle.manifest.artifacts))


def open_components(bundle: Bundle, target: Target, precision: Precision, threads: int) -> list[Session]:
    """The sessions of all components, in the order they run. Raises DeviceOnly, DmvtonError; see `not_installed`."""
    artifacts = held_components(bundle, target, precision)
    if any(artifact.evaluator == DEVICE_ONLY for artifact in artifacts):
        raise DeviceOnly(f"The {target} {precision} artifacts run on a phone only.")
    return [open_session(target, bundle.folder / item.path, item.contract, threads=threads) for item in artifacts]


def held_components(bundle: Bundle, target: Target, precision: Precision) -> list[Artifact]:
    """The artifacts of all components, in the order they run. Raises BundleError where one is missing."""
    held = bundle.manifest.artifacts_of(target, precision)
    by_component = {artifact.contract.component: artifact for artifact in held}
    members = bundle.manifest.components.members
    if absent := [member for member in members if member not in by_component]:
        raise BundleError(f"{bundle.folder.name} has no {', '.join(absent)} for {target} {precision}.")
    return [by_component[member] for member in members]


def run_components(sessions: Sequence[Session], tensors: Tensors) -> Tensors:
    """One after the other: the given tensors and all that they computed from them, by name."""
    for session in sessions:
        tensors = tensors | session.run({name: tensors[name] for name in session.contract.input_names})
    return tensors


def not_installed(error: BaseException) -> bool:
    """Whether a session could not be opened because its runtime's package is not there (broken ones are)."""
    return isinstance(error.__cause__, ModuleNotFoundError)


def _content(*arrays: Pixels) -> bytes:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
