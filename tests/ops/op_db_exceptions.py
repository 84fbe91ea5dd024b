"""What differs from PyTorch in its op database, and why: ``(entry, form): reason``. A row that is not needed fails.

The form ``"errors"`` stands for all error cases of the entry, ``"*"`` for all forms. ``MISSING`` are the entries that do
not exist here at all.
"""

MISSING: set[str] = set(
    """
jiterator_2inputs_2outputs jiterator_4inputs_with_extra_args jiterator_binary jiterator_binary_return_by_ref jiterator_unary
torch._scaled_mm_v2 torch.ops.aten._efficient_attention_forward torch.ops.aten._flash_attention_forward
""".split()
)  # the jiterator compiles CUDA source; the others have no CPU form in PyTorch but _scaled_mm_v2, which is private

EXCEPTIONS: dict[tuple[str, str], str] = {
    ("chalf", "*"): "complex32 is complex64 here",
    ("complex", "float16"): "complex32 is complex64 here",
    ("view_as_complex", "float16"): "complex32 is complex64 here",
    ("argsort", "bfloat16"): "where one of thousands of 16-bit numbers goes among its equals is not defined",
    ("argsort", "float16"): "where one of thousands of 16-bit numbers goes among its equals is not defined",
    ("argsort", "uint8"): "where one of thousands of small numbers goes among its equals is not defined",
    ("nn.functional.poisson_nll_loss", "uint8"): "a sum of 125 terms that cancel: the last digits of the largest",
    ("nn.functional.multi_head_attention_forward", "float16"): "softmax of products in the thousands, 8 apart",
    ("special.bessel_j0", "float64"): "PyTorch's is off by 2e-7; SciPy's value to the last digits",
    ("special.bessel_y1", "float64"): "PyTorch's is off by 3e-7; SciPy's value to the last digits",
    ("narrow_copy", "errors"): "an IndexError for a dimension out of range, where PyTorch has an assertion of its own",
    ("sparse.sampled_addmm", "out"): "sparse products have no out=",
}
