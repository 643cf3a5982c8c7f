"""`manifest.json`: what a bundle contains and how it was made. No timestamps: equal bundles have equal manifests.

`Manifest.model_json_schema()` is its JSON Schema. Paths are plain: relative, forward slashes, letters, digits and
`. _ -`, no component that starts or ends with a dot. So they mean the same file on every phone and disk.
"""

import hashlib
from typing import Annotated, Literal

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer, model_validator

from dmvton_mobile.bundles.recommendation import Count, Recommendations
from dmvton_mobile.contract import ComponentContract, Components, Length
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.records.base import PlainPath, Record, Sha256, Strict, parse_record, record_json
from dmvton_mobile.targets import Precision, Target

MANIFEST = "manifest.json"
SIGNATURE = "signature"
NO_DIGEST = "0" * 64
DEVICE_ONLY = "device only"  # the evaluator of an artifact that no host can run: it has no parity figures


class BundleError(CheckFailed):
    """A bundle that is damaged, changed, or not a bundle."""


Bytes = Annotated[int, Field(ge=0, le=2**50)]  # more than any disk; below it no sum of them overflows on a phone


class FileRecord(Strict):
    """Digest and size of a file."""

    sha256: Sha256
    bytes: Bytes


class ParityFigure(Strict):
    """One output of an artifact compared with the PyTorch network's.

    Attributes:
        output: Name of the tensor.
        inputs: What both were run on.
        psnr_db: PSNR in decibels; None where all values are identical, since JSON has no infinity.
        identical: Whether all values are identical. None in manifests and records of earlier versions, which say so by
            `psnr_db` alone; it is not written then.
        max_abs_error: Largest absolute difference.
        bound_db: The lowest PSNR that passes.
    """

    output: str
    inputs: Literal["example", "random"]
    psnr_db: float | None
    identical: bool | None = None
    max_abs_error: Annotated[float, Field(ge=0)]
    bound_db: float

    @model_validator(mode="after")
    def _of_one_mind(self) -> "ParityFigure":
        if self.identical is not None and self.identical != (self.psnr_db is None):
            raise ValueError("psnr_db is null if and only if the values are identical")
        return self

    @model_serializer(mode="wrap")
    def _without_unknown(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {name: value for name, value in dump(self).items() if (name, value) != ("identical", None)}


class Footprint(Strict):
    """The size of an artifact and what it consists of; None where the format does not tell.

    Attributes:
        file_bytes: of the file.
        weight_bytes: of parameters and buffers.
        constant_bytes: of tables that the conversion added.
        metadata_bytes: of everything else.
        delegated_operations: how many operations the accelerated backend takes.
        leftover_operations: how many of each kind it does not take.
    """

    file_bytes: Bytes
    weight_bytes: Bytes
    constant_bytes: Count | None = None
    metadata_bytes: Count | None = None
    delegated_operations: Count | None = None
    leftover_operations: dict[str, Count] | None = None


class Artifact(Strict):
    """One file (Core ML: one package) that a runtime loads.

    Attributes:
        target: the runtime.
        precision: of weights and arithmetic.
        path: in the bundle.
        contract: its tensors, in the native layout.
        kept_float32: what stays float32 in a smaller precision, and the reason.
        parity: the comparison with the PyTorch network, by output.
        footprint: its size.
        reproducible: whether converting again gives the same bytes.
        evaluator: the name of what ran it for the parity figures.
    """

    target: Target
    precision: Precision
    path: PlainPath
    contract: ComponentContract
    kept_float32: tuple[str, ...] = ()
    parity: tuple[ParityFigure, ...]
    footprint: Footprint
    reproducible: bool
    evaluator: str


class Manifest(Record):
    """The manifest of a bundle; `seal` fills in `files` and `digest`.

    Attributes:
        network: one of `network_names()`.
        align_corners: the convention of every sampling.
        size: height and width of the network's pictures.
        components: how the network is cut.
        trained: whether the weights are the result of training.
        training: the record of the training run.
        quantization: of the int8 artifacts.
        licence: SPDX identifier or free text; None until it is set, and without it an app release is refused.
        artifacts: in the order they run, target by target.
        recommendations: the precision to ship for each target, once `dmvton bench recommend` has measured them.
        golden: the files of recorded inputs and outputs.
        files: digest and size of every file but this one and the signature.
        tool_versions: package -> version, of the conversion.
        source_commit: of the converter.
        digest: SHA-256 of this file with sixty-four zeros in the digest's place.
    """

    schema_version: Literal[1] = 1
    network: str
    align_corners: bool
    size: tuple[Length, Length]
    components: Components
    trained: bool
    training: dict[str, JsonValue] | None = None
    quantization: Quantization | None = None
    licence: str | None = None
    artifacts: tuple[Artifact, ...]
    recommendations: Recommendations | None = None
    golden: tuple[PlainPath, ...] = ()
    files: dict[PlainPath, FileRecord] = {}
    tool_versions: dict[str, str]
    source_commit: str | None = None
    digest: Sha256 = NO_DIGEST

    def artifacts_of(self, target: Target, precision: Precision) -> list[Artifact]:
        """Those of one target and precision, in the order that they run."""
        return [item for item in self.artifacts if (item.target, item.precision) == (target, precision)]


def sealed_manifest(manifest: Manifest) -> Manifest:
    """The manifest with its digest filled in."""
    unsealed = record_json(manifest.model_copy(update={"digest": NO_DIGEST}))
    return manifest.model_copy(update={"digest": hashlib.sha256(unsealed.encode()).hexdigest()})


def parse_manifest(text: bytes) -> Manifest:
    """Reads the content of a manifest.json. Raises BundleError where it is not valid or any byte was changed."""
    manifest = parse_record(text, Manifest, MANIFEST, BundleError)
    unsealed = text.replace(manifest.digest.encode(), NO_DIGEST.encode())
    if hashlib.sha256(unsealed).hexdigest() != manifest.digest:
        raise BundleError(f"{MANIFEST} was changed after it was sealed: its digest does not match.")
    return manifest


def case_collisions(paths: list[str]) -> list[str]:
    """One sentence for each path that is the same as an earlier one on a disk that ignores case."""
    seen: dict[str, str] = {}
    return [
        f"{path} and {other} are one file where case does not count"
        for path in paths
        if (other := seen.setdefault(path.casefold(), path)) != path
    ]
