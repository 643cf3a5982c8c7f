"""`manifest.json`: what a bundle holds and how it was made. No timestamps: the same bundle has the same manifest.

`Manifest.model_json_schema()` is its JSON Schema. Every bundle's paths are plain: relative, forward slashes, letters,
digits and `. _ -`, no part that starts or ends with a dot; so they mean the same file on every phone and disk.
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
    """Bytes of the artifact, and what they are; None where the format does not tell.

    weight_bytes: parameters and buffers; constant_bytes: tables that the conversion added; metadata_bytes: the rest.
    delegated_operations: how many the accelerated backend takes; leftover_operations: how many of each kind it leaves.
    """

    file_bytes: Bytes
    weight_bytes: Bytes
    constant_bytes: Count | None = None
    metadata_bytes: Count | None = None
    delegated_operations: Count | None = None
    leftover_operations: dict[str, Count] | None = None


class Artifact(Strict):
    """One file (Core ML: one package) that a runtime loads.

    contract: its tensors, in its own layouts. kept_float32: what stayed float32 in a smaller precision, and why.
    evaluator: what ran it for the parity figures. reproducible: whether converting again gives the same bytes.
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
    """What a bundle says of itself.

    size: height, width. quantization: of the artifacts in int8. recommendations: which precision to ship for each
    target, once `dmvton bench recommend` has measured them. golden: the files of recorded inputs and outputs.
    files: all but this one and the signature. licence: SPDX identifier or free text; None until somebody sets it, and
    then an app release is refused. digest: the SHA-256 of this file with sixty-four zeros in the digest's place. `seal`
    fills in `files` and `digest`.
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
    """The manifest of a manifest.json. Raises BundleError for what is not one, and for one changed in any byte."""
    manifest = parse_record(text, Manifest, MANIFEST, BundleError)
    unsealed = text.replace(manifest.digest.encode(), NO_DIGEST.encode())
    if hashlib.sha256(unsealed).hexdigest() != manifest.digest:
        raise BundleError(f"{MANIFEST} was changed after it was sealed: its digest does not match.")
    return manifest


def same_where_case_does_not_count(paths: list[str]) -> list[str]:
    """One sentence for each path that a disk without upper and lower case takes for an earlier one."""
    seen: dict[str, str] = {}
    return [
        f"{path} and {other} are one file where case does not count"
        for path in paths
        if (other := seen.setdefault(path.casefold(), path)) != path
    ]
