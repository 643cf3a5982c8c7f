"""ExecuTorch: an ahead-of-time program, its operations delegated to XNNPACK, Vulkan or Core ML."""

from typing import Any, assert_never

from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from converters.exporters.footprint import measure_footprint
from converters.exporters.protocol import (
    PALETTE6_REASON,
    ComponentExport,
    ComponentExporter,
    ExportedFile,
    ExporterFacts,
)
from converters.lowering import fp16
from converters.lowering.variants import LoweringVariant
from converters.passes.permutes import carry_channels_last
from converters.passes.pipeline import export_program
from converters.target import Delegate
from dmvton_mobile.components import Layouts
from dmvton_mobile.contract import Layout
from dmvton_mobile.targets import Precision, Target

SEGMENT_ALIGNMENT = 16  # bytes that kernels read at once; the default, 128, pads hundreds of small constants
KEPT_FLOAT32 = (*fp16.KEPT_FLOAT32, "weights in the file: XNNPACK's delegate halves them when it loads")
W8_REASON = "XNNPACK has no convolution of float32 with weights in int8, and would hold them in float32"


class ExecutorchExporter(ComponentExporter):
    """Writes .pte files for one delegate, and counts the operations that it takes and leaves."""

    def __init__(self, delegate: Delegate):
        self.facts = _facts(delegate)

    def _write(self, component: ComponentExport) -> ExportedFile:
        from executorch.devtools.backend_debug import get_delegation_info
        from executorch.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge_transform_and_lower
        from executorch.exir.passes import MemoryPlanningPass

        from converters.exporters.vendor_executorch import short_constant_keys, tidy_xnnpack_graphs

        example, precision = component.example, component.precision
        delegate = self.facts.delegate
        xnnpack = delegate is Delegate.XNNPACK
        computes_fp16 = xnnpack and precision is Precision.FP16
        graph = fp16.to_fp16(example.graph) if computes_fp16 else example.graph
        program = export_program(graph, example.inputs, carry_channels_last if xnnpack else None)
        with tidy_xnnpack_graphs(), short_constant_keys():
            edge = to_edge_transform_and_lower(
                program,
                partitioner=[_partitioner(delegate, precision)],
                compile_config=EdgeCompileConfig(_check_ir_validity=False),
            )
        _drop_unread_buffers(edge.exported_program())
        info = get_delegation_info(edge.exported_program().graph_module)
        leftover = {
            name: counts.non_delegated
            for name, counts in sorted(info.delegation_by_operator.items())
            if counts.non_delegated and name != "getitem"
        }
        # Inputs stay where the app holds them: a garment's 17 MB of features are not copied for every frame.
        config = ExecutorchBackendConfig(
            memory_planning_pass=MemoryPlanningPass(alloc_graph_input=False), segment_alignment=SEGMENT_ALIGNMENT
        )
        component.path.write_bytes(edge.to_executorch(config).buffer)
        stored = Precision.FP32 if xnnpack else precision
        footprint = measure_footprint(
            component.path, program, stored, delegated=info.num_delegated_nodes, leftover=leftover
        )
        # Core ML's backend writes random identifiers and the date.
        reproducible = delegate is not Delegate.COREML
        return ExportedFile(footprint, KEPT_FLOAT32 if computes_fp16 else (), reproducible)


def _facts(delegate: Delegate) -> ExporterFacts:
    xnnpack = delegate is Delegate.XNNPACK
    refused = {Precision.W8: W8_REASON, Precision.PALETTE6: PALETTE6_REASON}
    if not xnnpack:
        refused[Precision.INT8] = f"int8 goes through XNNPACK, not --delegate {delegate}"
    return ExporterFacts(
        target=Target.EXECUTORCH,
        packages=("executorch",),
        extra="executorch",
        variant=LoweringVariant.DELEGATED_ROW_GATHER if xnnpack else LoweringVariant.NATIVE_SAMPLER,
        layouts=Layouts(Layout.NCHW, Layout.NHWC if xnnpack else Layout.NCHW),
        delegate=delegate,
        refused=refused,
        runs_on_host=xnnpack,  # no host has the other backends
    )


def _drop_unread_buffers(program: ExportedProgram) -> None:
    """Drops buffers that only delegates read, in place.

    ExecuTorch drops such parameters by itself, but not buffers: int8 weights would be in the file twice.
    """
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    signature = program.graph_signature
    for spec in list(signature.input_specs):
        if spec.kind is InputKind.BUFFER and not nodes[spec.arg.name].users:
            signature.input_specs.remove(spec)
            program.graph.erase_node(nodes[spec.arg.name])
            program.state_dict.pop(spec.target, None)
            program.constants.pop(spec.target, None)
    program.graph_module.recompile()


def _partitioner(delegate: Delegate, precision: Precision) -> Any:
    computes_fp16 = precision is Precision.FP16
    match delegate:
        case Delegate.XNNPACK:
            from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

            return XnnpackPartitioner()
        case Delegate.VULKAN:
            from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

            return VulkanPartitioner({"force_fp16": computes_fp16})
        case Delegate.COREML:
            import coremltools as ct
            from executorch.backends.apple.coreml.compiler import CoreMLBackend
            from executorch.backends.apple.coreml.partition import CoreMLPartitioner

            specs = CoreMLBackend.generate_compile_specs(
                compute_precision=ct.precision.FLOAT16 if computes_fp16 else ct.precision.FLOAT32,
                minimum_deployment_target=ct.target.iOS16,
            )
            return CoreMLPartitioner(compile_specs=specs)
        case _:
            assert_never(delegate)
