"""What PyTorch has and this package has not, with the reason: names below ``torch``, ``*`` for any letters.

A test compares it with PyTorch's public names: each is either here as a name of ours, or in one of these rows, never both.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

ABSENT: dict[str, str] = {
    "quantised tensors: XLA has none, and PyTorch has moved them to another package": """
        quantize_* *quantized_* *fake_quantize_* q_* qscheme qint* quint* int_repr dequantize empty_quantized choose_qparams_*
        fbgemm_* fused_moving_avg_obs_fake_quant Tensor.q_* Tensor.qscheme Tensor.int_repr Tensor.dequantize""",
    "data types that PyTorch has no operations for either": """
        bit bits* int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7 float4_*""",
    "kernels of one vendor's library: XLA chooses its own": """
        cudnn_* miopen_* mkldnn_* batch_norm_backward_* batch_norm_elemt batch_norm_gather_* batch_norm_stats
        batch_norm_update_stats is_vulkan_available Tensor.to_mkldnn nn.functional.scaled_grouped_mm
        sparse.SparseSemi* sparse.to_sparse_semi_structured sparse.solve jit.enable_onednn_fusion nn.attention.*flash_attention_impl*
        nn.attention.WARN_FOR_UNFUSED_KERNELS nn.attention.flex_attention.FlexKernelOptions""",
    "TorchScript's classes in C++: `jit.script` and `jit.trace` record instead of parsing": """
        AggregationType AliasDb AnyType Argument ArgumentSpec AwaitType Block BoolType BufferDict CallStack Capsule ClassType Code
        CompilationUnit CompleteArgumentSpec ComplexType ConcreteModuleType* DeepCopyMemoTable
        DeserializationStorageContext DeviceObjType DictType EnumType ErrorReport ExecutionPlan FileCheck FloatType FunctionSchema Future
        FutureType Gradient Graph GraphExecutorState IODescriptor InferredType IntType InterfaceType JITException ListType
        LiteScriptModule LockingLogger ModuleDict Node NoneType NoopLogger NumberType OperatorInfo OptionalType ParameterDict
        PyObjectType PyTorchFileReader PyTorchFileWriter RRefType Script* SerializationStorageContext StaticModule StreamObjType
        StringType SymBoolType SymIntType TensorType TracingState TupleType Type UnionType Use Value import_ir_module*
        merge_type_from_type_comment parse_ir parse_schema parse_type_comment unify_type_list AVG SUM
        jit.CompilationUnit jit.Error jit.Future jit.export_opnames jit.script_if_tracing jit.set_fusion_strategy jit.strict_fusion""",
    "symbolic sizes: a program is compiled for the sizes it meets, `jit.save(dynamic_shapes=...)` for a family of them": """
        SymBool SymFloat SymInt sym_*""",
    "parts of PyTorch's dispatcher": """
        DispatchKey* DisableTorchFunction* ExcludeDispatchKeyGuard Tag BenchmarkConfig BenchmarkExecutionStats ThroughputBenchmark
        FatalError init_num_threads is_distributed autograd.graph.region_activation_memory_budget
        autograd.graph.set_override_stale_capture_stream autograd.graph.set_warn_on_accumulate_grad_stream_mismatch
        autograd.enforce_grad_layout_policy func.debug_unwrap utils.checkpoint.GraphExecGroup Tensor.index
        nn.functional.handle_torch_function nn.functional.has_torch_function* nn.functional.boolean_dispatch
        nn.functional.assert_int_or_pair nn.functional.BroadcastingList* nn.functional.GRID_SAMPLE_* nn.functional.*_notes
        nn.functional.Callable nn.functional.DType nn.functional.Optional nn.functional.TYPE_CHECKING nn.functional.Tensor
        linalg.common_notes fft.Tensor func.rearrange sparse.as_sparse_gradcheck thread_safe_generator random.thread_safe_generator""",
    "streams and events: XLA orders what runs on a device": "Stream Event",
    "devices that XLA has no backend for here": "*autocast_ipu_* *autocast_xla_*",
    "editing an optimizer's state where a module holds it: `state_dict()` is a copy in part": """
        optim.swap_in_optimizer_params_and_state""",
    "masked tensors, a prototype": "masked.MaskedTensor masked.as_masked_tensor masked.is_masked_tensor masked.masked_tensor",
}


def rows() -> dict[str, list[str]]:
    """The patterns of each reason, in order."""
    return {reason: sorted(patterns.split()) for reason, patterns in ABSENT.items()}


def reason_for(name: str) -> str | None:
    """Why ``name``, in full below ``torch``, is not here; None if there is no reason.

    Example:
        >>> reason_for("SymInt").split(":")[0]
        'symbolic sizes'
    """
    for reason, patterns in rows().items():
        if any(fnmatchcase(name, pattern) for pattern in patterns if pattern.count(".") == name.count(".")):
            return reason
    return None
