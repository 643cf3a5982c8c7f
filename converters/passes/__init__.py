"""Graph passes: what is rewritten between the lowered network and the file.

`pipeline.PASSES` is the ordered list that every target's program goes through. What one target needs besides stands in
a module of its own: `permutes.carry_channels_last` and `xnnpack` (ExecuTorch), `tflite_int8`, `coreml`, `onnx_file`.
"""
