"""What an operation means, written once, in `absnormal.frontends.terms.Terms`, for the front ends that have it.

A front end holds names, the conventions of arguments, slopes at ties, and capture.  Where two of them differ for a
reason they stay apart:

- torch's kernels of hardsigmoid and hardswish scale by a sixth of their own after they clip; ONNX clips a u + b.
- elu and celu of torch that are C^1 have no kink, because their program keeps to the side of the point; a model of ONNX
  is loaded for every point, and has one.
- torch's sorts say by their indices which of tied entries they took; elsewhere runs of ties are sorted stably.
- np.linalg.norm multiplies a vector by itself, as NumPy rounds; torch's p-norms have no kink at 0 where p > 1.
- A jump of torch within rounding of its threshold leaves a note; NumPy, JAX and ONNX ask whether it is tied.
- torch writes out the recurrent layers but the fused LSTM, so the cells of GRU and RNN are ONNX's alone.
- Attention is a kernel of torch's alone, and so are the losses but the likelihood: elsewhere they are written out.
"""
