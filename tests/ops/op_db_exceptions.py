"""What differs from PyTorch in its op database, and why: ``(entry, form): reason``. A row that is not needed fails.

The form ``"errors"`` stands for all error cases of the entry, ``"*"`` for all forms. ``MISSING`` are the entries that do
not exist here at all.
"""

MISSING: set[str] = set(
    """
_batch_norm_with_update _chunk_cat _native_batch_norm_legit _segment_reduce-lengths _segment_reduce-offsets
_softmax_backward_data _unsafe_masked_index _unsafe_masked_index_put_accumulate _upsample_bilinear2d_aa
alias_copy as_strided_copy as_strided_scatter chalf diagonal_copy expand_copy grid_sampler_2d grid_sampler_3d
hash_tensor jiterator_2inputs_2outputs jiterator_4inputs_with_extra_args jiterator_binary
jiterator_binary_return_by_ref jiterator_unary linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve
masked.amax masked.amin masked.argmax masked.argmin masked.cumprod masked.cumsum masked.log_softmax
masked.logaddexp masked.logsumexp masked.mean masked.median masked.norm masked.normalize masked.prod
masked.softmax masked.softmin masked.std masked.sum masked.var max_pool2d_with_indices_backward narrow_copy
native_batch_norm native_dropout_backward native_group_norm native_layer_norm
nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d nn.functional.linear_cross_entropy
nn.functional.linear_cross_entropy-chunked nn.functional.linear_cross_entropy-chunked_none ormqr pca_lowrank
permute_copy slice sparse.mm-reduce sparse.sampled_addmm special.airy_ai special.bessel_j0 special.bessel_j1
special.bessel_y0 special.bessel_y1 special.modified_bessel_k0 special.modified_bessel_k1
special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1 split_with_sizes_copy squeeze_copy
svd_lowrank t_copy to_sparse torch._scaled_mm torch._scaled_mm_v2 torch.ops.aten._efficient_attention_forward
torch.ops.aten._flash_attention_forward torch.ops.aten._safe_softmax.default transpose_copy unbind_copy
unfold_copy unsafe_chunk unsafe_split unsqueeze_copy view_copy
""".split()
)

EXCEPTIONS: dict[tuple[str, str], str] = {}
