"""The operators of ONNX and their state; `test_onnx_operators` keeps the table true."""

from __future__ import annotations

#: Written by a rule, with their derivatives.
FOLLOWED = [
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "AveragePool",
    "BatchNormalization", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Col2Im", "Compress", "Concat", "Conv",
    "ConvTranspose", "Cos", "Cosh", "CumProd", "CumSum", "DFT", "DepthToSpace", "DequantizeLinear", "Det", "Div",
    "Dropout", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "GRU", "Gather",
    "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "Greater",
    "GreaterOrEqual", "GridSample", "GroupNormalization", "HardSigmoid", "HardSwish", "Hardmax", "Identity",
    "InstanceNormalization", "IsInf", "IsNaN", "LRN", "LSTM", "LayerNormalization", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "LogSoftmax", "LpNormalization", "LpPool", "MatMul", "Max", "MaxPool", "MaxUnpool",
    "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "NegativeLogLikelihoodLoss", "NonZero", "Not", "OneHot", "Or",
    "PRelu", "Pad", "Pow", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "RMSNormalization", "RNN",
    "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
    "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Resize", "ReverseSequence", "RoiAlign",
    "Round", "STFT", "Scatter", "ScatterElements", "ScatterND", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh",
    "Size", "Slice", "Softmax", "SoftmaxCrossEntropyLoss", "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt",
    "Squeeze", "Sub", "Sum", "Swish", "Tan", "Tanh", "TensorScatter", "ThresholdedRelu", "Tile", "TopK",
    "Transpose", "Trilu", "Unsqueeze", "Where", "Xor", "ai.onnx.ml:ArrayFeatureExtractor", "ai.onnx.ml:Binarizer",
    "ai.onnx.ml:FeatureVectorizer", "ai.onnx.ml:Imputer", "ai.onnx.ml:LinearClassifier",
    "ai.onnx.ml:LinearRegressor", "ai.onnx.ml:Normalizer", "ai.onnx.ml:SVMRegressor", "ai.onnx.ml:Scaler",
]

#: Of these steps are followed as constants between their jumps, and refused on a jump from which f does not recover.
STEPS = [
    "ArgMax", "ArgMin", "Cast", "CastLike", "Ceil", "Floor", "Hardmax", "Mod", "NonZero", "QLinearConv",
    "QLinearMatMul", "QuantizeLinear", "Round", "Sign", "ai.onnx.ml:Binarizer",
]

#: Followed by the other operators that ONNX's own definition has for them.
DEFINED = [
    "AffineGrid", "Attention", "BlackmanWindow", "CausalConvWithState", "CenterCropPad", "DynamicQuantizeLinear",
    "HammingWindow", "HannWindow", "LinearAttention", "MeanVarianceNormalization", "Range", "RotaryEmbedding",
    "SequenceMap", "SwiGLU", "ai.onnx.preview:FlexAttention",
]

#: The branch that is taken, and the steps that are made.
CONTROL = [
    "If", "Loop", "Scan",
]

#: Of integers, truth values, text or shapes alone: they are constants.
CONSTANT = [
    "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Constant", "ConstantOfShape", "ConvInteger",
    "EyeLike", "MatMulInteger", "Shape",
]

#: Results that no point determines.
RANDOM = [
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
]

#: Refused by name, with a reason and a fix.
REFUSED = [
    "BitCast", "ConcatFromSequence", "DeformConv", "ImageDecoder", "MaxRoiPool", "MelWeightMatrix",
    "NonMaxSuppression", "Optional", "OptionalGetElement", "OptionalHasElement", "RegexFullMatch", "SequenceAt",
    "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "SplitToSequence",
    "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer", "Unique", "Upsample",
    "ai.onnx.ml:CastMap", "ai.onnx.ml:CategoryMapper", "ai.onnx.ml:DictVectorizer", "ai.onnx.ml:LabelEncoder",
    "ai.onnx.ml:OneHotEncoder", "ai.onnx.ml:SVMClassifier", "ai.onnx.ml:TreeEnsemble",
    "ai.onnx.ml:TreeEnsembleClassifier", "ai.onnx.ml:TreeEnsembleRegressor", "ai.onnx.ml:ZipMap",
    "ai.onnx.preview.training:Adagrad", "ai.onnx.preview.training:Adam", "ai.onnx.preview.training:Gradient",
    "ai.onnx.preview.training:Momentum",
]
