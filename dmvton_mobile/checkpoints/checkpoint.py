"""Checkpoints in our own format; `official.py` reads the files that the papers' authors publish.

A checkpoint is NAME.safetensors and its card, NAME.json, beside it. A tensor with several keys (the smoothing
convolution of a mobile pyramid) is stored once, under its first key. No code in a checkpoint ever runs: safetensors has
none, and the authors' pickles are read as weights alone.
"""

from pathlib import Path
from typing import Literal

import torch
from pydantic import JsonValue, TypeAdapter, field_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dmvton_mobile.checkpoints.official import FileReport, ImportReport, import_official, read_official
from dmvton_mobile.checkpoints.states import (
    CheckpointError,
    compare_states,
    known_networks,
    looks_like,
    shared_keys,
    weight_bytes,
)
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import NetworkConfig, TryOnNetwork, build_network
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.networks.widths import Widths
from dmvton_mobile.records.base import Record, Sha256, parse_record, record_json
from dmvton_mobile.utils.files import atomic_file, sha256_file
from dmvton_mobile.utils.optional_imports import optional_import

__all__ = [
    "Card",
    "CheckpointError",
    "FileReport",
    "ImportReport",
    "import_official",
    "load_checkpoint",
    "read_card",
    "read_official",
    "save_checkpoint",
    "weight_bytes",
]

SUFFIX = ".safetensors"


class Card(Record):
    """The card of a checkpoint: what its weights are and where they come from.

    Attributes:
        network: one of `network_names()`.
        config: the overrides of `build_network`.
        trained: whether the weights are the result of training.
        training: the record of the training run.
        licence: SPDX identifier or free text; None where it is not set.
        source: the files that it was imported from -> their SHA-256.
        precision: of the stored numbers; a loaded network is always float32.
        quantization: of a network whose layers compute in int8.
        weights_sha256: of the weights' file.
    """

    schema_version: Literal[1] = 1
    network: str
    config: dict[str, JsonValue]
    trained: bool
    training: dict[str, JsonValue] | None = None
    licence: str | None = None
    source: dict[str, Sha256] = {}
    precision: Literal["fp32", "fp16"] = "fp32"
    quantization: Quantization | None = None
    weights_sha256: Sha256

    @field_validator("config")
    @classmethod
    def _widths(cls, config: dict[str, JsonValue]) -> dict[str, JsonValue]:
        TypeAdapter(Widths).validate_python(config.get("widths", {}))
        return config


def save_checkpoint(
    network: TryOnNetwork,
    path: Path,
    *,
    trained: bool,
    training: dict[str, JsonValue] | None = None,
    licence: str | None = None,
    source: dict[str, str] | None = None,
    precision: Literal["fp32", "fp16"] = "fp32",
) -> Card:
    """Writes the weights and the card beside them.

    Args:
        network: float32, or prepared for quantization.
        path: NAME.safetensors; it must not exist.
        trained: for the card, as the rest.
        training: the record of the training run.
        licence: SPDX identifier or free text.
        source: the files that the weights were imported from -> their SHA-256.
        precision: fp16 rounds every number.

    Returns:
        The card.

    Raises:
        CheckpointError: the suffix is another, or a number is too large for fp16.
    """
    _require_suffix(path)
    state, aliases = _state(network)
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items() if key not in aliases}
    if precision == "fp16":
        tensors = {key: _to_fp16(key, value) for key, value in tensors.items()}
    card_path = _card_path(path)
    # The card is renamed first: a run killed in between leaves a card without weights, which the next one replaces.
    with atomic_file(path) as weights, atomic_file(card_path, overwrite=_is_card(card_path)) as card_file:
        save_file(tensors, weights, metadata={"format": "pt"})
        card = Card(
            network=network.config.name,
            config=_overrides(network.config),
            trained=trained,
            training=training,
            licence=licence,
            source=source or {},
            precision=precision,
            quantization=network.config.quantization,
            weights_sha256=sha256_file(weights),
        )
        card_file.write_text(record_json(card), encoding="utf-8")
    return card


def load_checkpoint(path: Path) -> tuple[TryOnNetwork, Card]:
    """Reads a checkpoint of ours.

    Returns:
        The network, on the CPU and in eval mode, and its card.

    Raises:
        CheckpointError: a file is missing, damaged, or does not hold the network's weights.
        NotInstalledError: the network is quantized, and torchao or executorch is not installed.
    """
    card = read_card(path)
    try:
        network = build_network(card.network, **card.config)
    except DmvtonError as error:
        raise CheckpointError(f"{_card_path(path)}: {error}") from error
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is cut short or not a safetensors file: {error}.") from error
    if sha256_file(path) != card.weights_sha256:
        raise CheckpointError(f"{path} is not the file its card was written for: the SHA-256 differs.")
    if card.precision == "fp16":
        tensors = {key: value.float() if value.dtype is torch.float16 else value for key, value in tensors.items()}
    if card.quantization is not None:
        network = _prepared(network, card.quantization)
    state, aliases = _state(network)
    expected = {key: value for key, value in state.items() if key not in aliases}
    differences = compare_states(expected, tensors)
    if problems := differences.sentences():
        hint = looks_like(known_networks(), tensors, (card.network, ""))
        raise CheckpointError(f"{path} does not hold the weights of {card.network}{hint}:\n" + "\n".join(problems))
    if card.quantization is not None:
        from dmvton_mobile.quantization import load_quantized_state

        load_quantized_state(network, tensors)
    else:
        network.load_state_dict(tensors | {alias: tensors[key] for alias, key in aliases.items()})
    return network.eval(), card


def read_card(path: Path) -> Card:
    """Reads the card of a checkpoint of ours, without its weights. Raises CheckpointError."""
    _require_suffix(path)
    card_path = _card_path(path)
    for file in (path, card_path):
        if not file.is_file():
            raise CheckpointError(f"There is no {file}; a checkpoint is {path.name} and its card {card_path.name}.")
    return parse_record(card_path.read_bytes(), Card, str(card_path), CheckpointError)


def _overrides(config: NetworkConfig) -> dict[str, JsonValue]:
    """The overrides with which `build_network` builds this network."""
    widths: dict[str, JsonValue] = {name: list(width) for name, width in config.widths.items()}
    return {"align_corners": config.align_corners} | ({"widths": widths} if widths else {})


def _state(network: TryOnNetwork) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors that a checkpoint stores, and the keys among them that share the tensor of an earlier key."""
    if network.config.quantization is None:
        return network.state_dict(), shared_keys(network)
    from dmvton_mobile.quantization import quantized_state  # torchao is no package of the core

    return quantized_state(network), {}


def _prepared(network: TryOnNetwork, quantization: Quantization) -> TryOnNetwork:
    with optional_import("A quantized network needs", extra="executorch"):
        from dmvton_mobile.quantization import prepare

        return prepare(network, quantization)


def _to_fp16(key: str, value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value
    rounded = value.half()
    if not rounded.isfinite().all():
        raise CheckpointError(f"{key} reaches {value.abs().max():.3g}; the largest number in fp16 is 65504.")
    return rounded


def _is_card(path: Path) -> bool:
    try:
        return path.is_file() and bool(parse_record(path.read_bytes(), Card, path.name, CheckpointError))
    except CheckpointError:
        return False


def _card_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _require_suffix(path: Path) -> None:
    if path.suffix != SUFFIX:
        raise CheckpointError(
            f"{path.name} is not a {SUFFIX} file; `dmvton import-checkpoint` reads the authors' files."
        )
