"""The networks in PyTorch on a GPU, as the papers measured them; on the CPU only to try the measuring out.

Two protocols, never mixed. The papers' (DM-VTON, PF-AFN): random inputs on the device, one run that does not count,
then `runs` runs between two synchronisations; the mean. Ours: every run between two synchronisations, the whole try-on
and a frame with the garment's features prepared before; the median. `PUBLISHED` holds what the authors published.
`dmvton bench reference` prints the tables.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import AliasChoices, ConfigDict, Field
from torch import Tensor

from benchmarks.run_record import Bytes, Milliseconds
from benchmarks.studies.gpu_variants import CUDA_ONLY, Inputs, RunOnce, prepare_variant, random_inputs
from dmvton_mobile.checkpoints.checkpoint import weight_bytes
from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.errors import CheckFailed, DmvtonError, printable
from dmvton_mobile.metrics.psnr import psnr_db
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from dmvton_mobile.records.base import Name, Record, Strict, Words, renamed_fields
from dmvton_mobile.utils.progress import StepCallback

REFERENCE_GPU = "Tesla T4"

# DM-VTON's README, "Results on VITON": milliseconds on one Tesla T4 by its abstract, MB of weights
PUBLISHED = {"dmvton-student": (23.3, 37.8), "pfafn-student": (35.8, 293.3), "fsvton-student": (37.5, 309.3)}


class ReferenceFigures(Strict):
    """One network in one variant; None for what was not measured.

    Attributes:
        network: Its name.
        variant: One of `gpu_variants.GPU_VARIANTS`; `form` is its deprecated name.
        papers_ms: Mean latency by the papers' protocol.
        whole_ms: Median latency of the whole try-on.
        frame_ms: Median latency of a frame; None for a variant without a frame of its own.
        peak_bytes: Peak of PyTorch's allocator.
        psnr_db: PSNR of the try-on against eager; None for eager itself, and where the two are identical.
        identical: Whether the try-on is eager's, value by value; None for eager itself.
        failure: Why nothing was measured.
    """

    model_config = ConfigDict(json_schema_extra=renamed_fields(form="variant"))

    network: Name
    variant: Name = Field(validation_alias=AliasChoices("variant", "form"))
    papers_ms: Milliseconds | None = None
    whole_ms: Milliseconds | None = None
    frame_ms: Milliseconds | None = None
    peak_bytes: Bytes | None = None
    psnr_db: float | None = None
    identical: bool | None = None
    failure: Words | None = None


class ReferenceRecord(Record):
    """Everything that was measured on one device.

    Attributes:
        device: PyTorch's name of it.
        accelerator: The GPU; None for the CPU.
        versions: Of PyTorch and CUDA.
        size: Height and width of the pictures.
        runs: Runs of each protocol.
        context_bytes: Device memory in use before any network, by any process.
        weights_bytes: Parameters and buffers of each network.
        measured: A network and a variant each.
    """

    schema_version: Literal[1] = 1
    device: Name
    accelerator: Words | None
    versions: dict[Name, Name]
    size: tuple[int, int]
    runs: Annotated[int, Field(ge=1)]
    context_bytes: Bytes | None
    weights_bytes: dict[Name, Bytes]
    measured: tuple[ReferenceFigures, ...]

    @property
    def on_reference(self) -> bool:
        """Whether the GPU is of the kind that the papers measured on."""
        return REFERENCE_GPU in (self.accelerator or "")


def measure_reference(
    device: torch.device, names: Sequence[str], variants: Sequence[str], runs: int, on_step: StepCallback
) -> ReferenceRecord:
    """Measures every network in every variant, one after the other.

    Args:
        device: A CUDA device, or the CPU.
        names: Of the networks.
        variants: Of `gpu_variants.GPU_VARIANTS`.
        runs: Runs of each protocol.
        on_step: Called before each variant.

    Raises:
        DmvtonError: There is no such device.
    """
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise DmvtonError(f"There is no {device}: PyTorch {torch.__version__} sees {count} CUDA devices here.")
    cuda = device.type == "cuda"
    return ReferenceRecord(
        device=str(device),
        accelerator=torch.cuda.get_device_name(device) if cuda else None,
        versions={"torch": torch.__version__, **({"cuda": str(torch.version.cuda)} if cuda else {})},
        size=DEFAULT_SIZE,
        runs=runs,
        context_bytes=_context(device),
        weights_bytes={name: weight_bytes(seeded_network(name)) for name in names},
        measured=tuple(each for name in names for each in _measure_network(device, name, variants, runs, on_step)),
    )


def _measure_network(
    device: torch.device, name: str, variants: Sequence[str], runs: int, on_step: StepCallback
) -> Iterator[ReferenceFigures]:
    network = seeded_network(name).to(device)
    inputs = random_inputs(device)
    with torch.no_grad():
        expected = network(*inputs).tryon
        for variant in variants:
            on_step(f"{name}, {variant}")
            if variant in CUDA_ONLY and device.type != "cuda":
                yield ReferenceFigures(network=name, variant=variant, failure="It is for CUDA devices.")
                continue
            try:
                yield _measure_variant(device, name, variant, network, inputs, expected, runs)
            except Exception as error:  # compilers and drivers raise what they like
                yield ReferenceFigures(
                    network=name, variant=variant, failure=printable(f"{type(error).__name__}: {error}")
                )


def _measure_variant(
    device: torch.device, name: str, variant: str, network: TryOnNetwork, inputs: Inputs, expected: Tensor, runs: int
) -> ReferenceFigures:
    with _peak(device) as peak:
        whole, frame = prepare_variant(variant, network, inputs)
        psnr = None if variant == "eager" else _psnr_db(whole(), expected)
        papers_ms = by_papers(device, whole, runs)
        whole_ms = float(np.median(one_by_one(device, whole, runs)))
        frame_ms = None if frame is None else float(np.median(one_by_one(device, frame, runs)))
    return ReferenceFigures(
        network=name,
        variant=variant,
        papers_ms=papers_ms,
        whole_ms=whole_ms,
        frame_ms=frame_ms,
        peak_bytes=peak[0] if peak else None,
        psnr_db=None if psnr is None or math.isinf(psnr) else psnr,
        identical=None if psnr is None else math.isinf(psnr),
    )


def by_papers(device: torch.device, run: RunOnce, runs: int) -> float:
    """Mean milliseconds of `runs` runs between two synchronisations, after one that does not count."""
    run()
    synchronise(device)
    started = time.perf_counter()
    for _ in range(runs):
        run()
    synchronise(device)
    return (time.perf_counter() - started) * 1e3 / runs


def one_by_one(device: torch.device, run: RunOnce, runs: int) -> list[float]:
    """Milliseconds of each of `runs` runs between two synchronisations, after one that does not count."""
    taken = []
    run()
    for _ in range(runs):
        synchronise(device)
        started = time.perf_counter()
        run()
        synchronise(device)
        taken.append((time.perf_counter() - started) * 1e3)
    return taken


def synchronise(device: torch.device) -> None:
    """Waits until the device has run everything."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _psnr_db(output: Tensor, expected: Tensor) -> float:
    """PSNR in decibels of images in [-1, 1]; inf where they are identical."""
    value = psnr_db(reference=expected, candidate=output.float(), peak=2.0)
    if math.isnan(value) or value == -math.inf:
        raise CheckFailed("It gives values that are not finite.")
    return value


@contextmanager
def _peak(device: torch.device) -> Iterator[list[int]]:
    """A list that holds the allocator's peak in bytes once the block has ended; empty on the CPU."""
    peak: list[int] = []
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    yield peak
    if device.type == "cuda":
        peak.append(torch.cuda.max_memory_reserved(device))


def _context(device: torch.device) -> int | None:
    if device.type != "cuda":
        return None
    torch.zeros(1, device=device)
    free, total = torch.cuda.mem_get_info(device)
    return total - free - torch.cuda.memory_reserved(device)
