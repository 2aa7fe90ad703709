"""Operators of real numbers that are refused, by domain and name: what is wrong with them, and the fix."""

from __future__ import annotations

_TREES = ("is constant between its thresholds, where it jumps", "judge the model without its trees")
_TEXT = ("works on text or on maps", "judge the part of the model that computes with numbers")
_BITS = ("works on the bits of numbers", "leave it out of the part that is judged")
_TRAINING = ("is a step of training, not a model", "judge the loss that is trained")
_SEQUENCE = ("makes a list of tensors", "join them with Concat")

REFUSED: dict[tuple[str, str], tuple[str, str]] = {
    ("", "NonMaxSuppression"): ("chooses boxes, which jumps", "judge the scores and boxes before it"),
    ("", "Unique"): ("sorts and counts entries, which jumps", "use TopK"),
    ("", "MelWeightMatrix"): ("rounds its frequencies, where it jumps", "hold its inputs constant"),
    ("", "BitCast"): _BITS,
    ("", "DeformConv"): ("takes samples between pixels by variables", "write it with GridSample and Conv"),
    ("", "MaxRoiPool"): ("rounds its boxes, where it jumps", "use RoiAlign"),
    ("", "Upsample"): ("is no operator since opset 10", "convert the model (onnx.version_converter)"),
    ("", "ImageDecoder"): _TEXT,
    ("", "RegexFullMatch"): _TEXT,
    ("", "StringConcat"): _TEXT,
    ("", "StringNormalizer"): _TEXT,
    ("", "StringSplit"): _TEXT,
    ("", "TfIdfVectorizer"): _TEXT,
    ("", "Optional"): _SEQUENCE,
    ("", "OptionalGetElement"): _SEQUENCE,
    ("", "OptionalHasElement"): _SEQUENCE,
    ("", "SequenceAt"): _SEQUENCE,
    ("", "SequenceConstruct"): _SEQUENCE,
    ("", "SequenceEmpty"): _SEQUENCE,
    ("", "SequenceErase"): _SEQUENCE,
    ("", "SequenceInsert"): _SEQUENCE,
    ("", "SequenceLength"): _SEQUENCE,
    ("", "SplitToSequence"): _SEQUENCE,
    ("", "ConcatFromSequence"): _SEQUENCE,
    ("ai.onnx.ml", "TreeEnsemble"): _TREES,
    ("ai.onnx.ml", "TreeEnsembleClassifier"): _TREES,
    ("ai.onnx.ml", "TreeEnsembleRegressor"): _TREES,
    ("ai.onnx.ml", "SVMClassifier"): ("couples pairs of classes", "export the model's decision function"),
    ("ai.onnx.ml", "CastMap"): _TEXT,
    ("ai.onnx.ml", "CategoryMapper"): _TEXT,
    ("ai.onnx.ml", "DictVectorizer"): _TEXT,
    ("ai.onnx.ml", "ZipMap"): _TEXT,
    ("ai.onnx.ml", "LabelEncoder"): ("looks numbers up, which jumps", "judge the model without its labels"),
    ("ai.onnx.ml", "OneHotEncoder"): ("looks numbers up, which jumps", "encode the categories before the model"),
    ("ai.onnx.preview.training", "Adagrad"): _TRAINING,
    ("ai.onnx.preview.training", "Adam"): _TRAINING,
    ("ai.onnx.preview.training", "Gradient"): _TRAINING,
    ("ai.onnx.preview.training", "Momentum"): _TRAINING,
}
