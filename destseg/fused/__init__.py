"""CUDA kernels of our own, in Triton, which go fewer times through a map than torch's.

They take maps in bfloat16 that lie channels last: (N, C, H, W) are rows of C channels. They
compute in float32 and add in an order that the shapes alone decide: the same bits again on a card;
another model's roots and quotients may be others. To be imported where they are used: torch brings
Triton only where it brings CUDA.
"""

OPTIONS = {"enable_fp_fusion": True}
"""How kernels are compiled: a product and the sum it goes into are rounded once. To be given, since
Triton 3.9 warns that its default will be another one, and so other bits."""
