"""Operators of real numbers that are refused, by domain and name: what is wrong with them, and the fix."""

from __future__ import annotations

_TREES = ("is constant between its thresholds, where it jumps", "judge the model without its trees")
_TEXT = ("works on text or on maps", "judge the part of the model that computes with numbers")
_TRAINING = ("is a step of training, not a model", "judge the loss that is trained")
_SEQUENCE = ("makes a list of tensors", "join them with Concat")

REFUSED: dict[tuple[str, str], tuple[str, str]] = {
    ("", "NonMaxSuppression"): ("chooses boxes, which jumps", "judge the scores and boxes before it"),
    ("", "Unique"): ("sorts and counts entries, which jumps", "use TopK"),
    ("", "MelWeightMatrix"): ("rounds its frequencies, where it jumps", "hold its inputs constant"),
    ("", "BitCast"): ("works on the bits of numbers", "leave it out of the part that is judged"),
    ("", "DeformConv"): ("takes samples between pixels by variables", "write it with GridSample and Conv"),
    ("", "MaxRoiPool"): ("rounds its boxes, where it jumps", "use RoiAlign"),
    ("", "Upsample"): ("is no operator since opset 10", "convert the model (onnx.version_converter)"),
    **dict.fromkeys((("", name) for name in (
        "ImageDecoder", "RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit",
        "TfIdfVectorizer")), _TEXT),
    **dict.fromkeys((("", name) for name in (
        "Optional", "OptionalGetElement", "OptionalHasElement", "SequenceAt", "SequenceConstruct", "SequenceEmpty",
        "SequenceErase", "SequenceInsert", "SequenceLength", "SplitToSequence", "ConcatFromSequence")), _SEQUENCE),
    **dict.fromkeys((("ai.onnx.ml", name) for name in (
        "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor")), _TREES),
    **dict.fromkeys((("ai.onnx.ml", name) for name in (
        "CastMap", "CategoryMapper", "DictVectorizer", "ZipMap")), _TEXT),
    ("ai.onnx.ml", "SVMClassifier"): ("couples pairs of classes", "export the model's decision function"),
    ("ai.onnx.ml", "LabelEncoder"): ("looks numbers up, which jumps", "judge the model without its labels"),
    ("ai.onnx.ml", "OneHotEncoder"): ("looks numbers up, which jumps", "encode the categories before the model"),
    **dict.fromkeys((("ai.onnx.preview.training", name) for name in (
        "Adagrad", "Adam", "Gradient", "Momentum")), _TRAINING),
}
