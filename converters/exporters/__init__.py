"""One exporter per target, behind the protocol of `protocol.Exporter`; `converters/registry.py` lists them.

The modules of exporters import nothing optional, so that their facts can be read without coremltools, LiteRT,
ExecuTorch, ONNX or NNCF. Patches of those libraries stand in `vendor_executorch.py` and `vendor_nncf.py`.
"""
