"""Two patches of ExecuTorch 1.5.1, each in force during one lowering.

Both patches only make files smaller and programs faster; the tests compare programs with and without them. Another
version may name its internals otherwise, so it is refused: look at the two places again, then change VERSION.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from executorch.backends.xnnpack import xnnpack_preprocess
from executorch.backends.xnnpack.operators import node_visitor
from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import XNNGraph

from converters.exporters.vendor import require_version
from converters.passes.xnnpack import drop_copies

VERSION = "1.5.1"
KEY_DIGITS = 16


@contextmanager
def tidy_xnnpack_graphs() -> Iterator[None]:
    """Patches `xnnpack_preprocess.serialize_xnnpack_binary`: graphs are written without useless copies.

    ExecuTorch has no hook for a pass over the graph that it hands to XNNPACK. See `passes/xnnpack.py` for the copies.
    """
    require_version("executorch", VERSION, __name__)
    serialize = xnnpack_preprocess.serialize_xnnpack_binary

    def tidied(graph: XNNGraph, constants: bytearray) -> bytes:
        drop_copies(graph)
        return serialize(graph, constants)

    xnnpack_preprocess.serialize_xnnpack_binary = tidied
    try:
        yield
    finally:
        xnnpack_preprocess.serialize_xnnpack_binary = serialize


@contextmanager
def short_constant_keys() -> Iterator[None]:
    """Patches `node_visitor.hashlib`: constants are stored under 16 digits of their SHA-256, not 64.

    An int8 network has hundreds of small constants, each named twice. Two of one name would be refused when they are
    written.
    """
    require_version("executorch", VERSION, __name__)
    hashlib = node_visitor.hashlib
    node_visitor.hashlib = SimpleNamespace(sha256=lambda data: _ShortDigest(hashlib.sha256(data)))
    try:
        yield
    finally:
        node_visitor.hashlib = hashlib


class _ShortDigest:
    def __init__(self, digest: Any):
        self._digest = digest

    def hexdigest(self) -> str:
        return str(self._digest.hexdigest()[:KEY_DIGITS])
