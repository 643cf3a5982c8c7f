"""ONNX: opset 20, simplified, checked; the same bytes for the same network."""

import torch

from converters.exporters.footprint import measure_footprint
from converters.exporters.protocol import (
    PALETTE6_REASON,
    ComponentExport,
    ComponentExporter,
    ExportedFile,
    ExporterFacts,
)
from converters.lowering.variants import LoweringVariant
from converters.passes import weight_only_int8
from converters.passes.pipeline import export_program
from dmvton_mobile.components import Layouts
from dmvton_mobile.contract import Layout
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target

OPSET = 20  # the first with GridSample as ONNX Runtime and the phone providers implement it
KEPT_FLOAT32 = {
    Precision.FP16: ("arithmetic: ONNX Runtime's CPU provider computes convolutions in float32",),
    Precision.W8: weight_only_int8.KEPT_FLOAT32,
}


class OnnxExporter(ComponentExporter):
    """Writes .onnx files.

    fp16 stores the weights in half precision, w8 in int8; arithmetic stays float32, because ONNX Runtime's CPU provider
    has no half-precision convolution, nor one of int8 weights alone.
    """

    facts = ExporterFacts(
        target=Target.ONNX,
        packages=("onnx", "onnxscript", "onnxsim"),
        extra="onnx",
        variant=LoweringVariant.ROW_GATHER,
        layouts=Layouts(Layout.NCHW, Layout.NHWC),
        refused={Precision.PALETTE6: PALETTE6_REASON},
    )

    def _write(self, component: ComponentExport) -> ExportedFile:
        import onnx
        import onnxsim

        from converters.passes import onnx_file

        example, precision = component.example, component.precision
        program = export_program(example.graph, example.inputs)
        exported = torch.onnx.export(
            program,
            input_names=example.contract.input_names,
            output_names=example.contract.output_names,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        assert exported is not None  # it is None only when written to a file at once
        model, equal = onnxsim.simplify(exported.model_proto)
        if not equal:
            raise DmvtonError(
                f"onnxsim changed what {component.component} computes; report this with the network's name."
            )
        onnx_file.strip_debug_info(model)
        if precision is Precision.FP16:
            onnx_file.store_weights_fp16(model)
        if precision is Precision.W8:
            onnx_file.store_weights_int8(model)
        if precision is Precision.INT8:
            onnx_file.make_activations_unsigned(model)
        model.metadata_props.extend(
            onnx.StringStringEntryProto(key=tensor.name, value=tensor.description)
            for tensor in (*example.contract.inputs, *example.contract.outputs)
        )
        onnx.checker.check_model(model, full_check=True)
        component.path.write_bytes(model.SerializeToString(deterministic=True))
        return ExportedFile(measure_footprint(component.path, program, precision), KEPT_FLOAT32.get(precision, ()))
