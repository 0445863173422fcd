#include "model/custom_ops.h"

#include <stddef.h>
#include <string.h>

/* Each op begins with the prefix; those without a ">" of their own are listed one by one. */
static const struct {
    const char *prefix, *library;
} libraries[] = {
    {"TFText>", "TensorFlow Text"},
    {"Sentencepiece", "TensorFlow Text"},
    {"WordpieceTokenize", "TensorFlow Text"},
    {"WhitespaceTokenize", "TensorFlow Text"},
    {"UnicodeScriptTokenize", "TensorFlow Text"},
    {"SplitMergeTokenize", "TensorFlow Text"},
    {"SplitMergeFromLogits", "TensorFlow Text"},
    {"RegexSplitWithOffsets", "TensorFlow Text"},
    {"SentenceFragments", "TensorFlow Text"},
    {"NormalizeUTF8", "TensorFlow Text"},
    {"CaseFoldUTF8", "TensorFlow Text"},
    {"FindSourceOffsets", "TensorFlow Text"},
    {"ConstrainedSequence", "TensorFlow Text"},
    {"MaxSpanningTree", "TensorFlow Text"},
    {"RougeL", "TensorFlow Text"},
    {"Addons>", "TensorFlow Addons"},
    {"SimpleML", "TensorFlow Decision Forests"},
    {"IO>", "TensorFlow I/O"},
    {"TFRA>", "TensorFlow Recommenders Addons"},
    {"Tfq", "TensorFlow Quantum"},
    {"Scann>", "ScaNN"},
    {"DecodeProtoSparse", "Struct2Tensor"},
    {"TFLite_", "TensorFlow Lite"},
    {"TRTEngineOp", "TensorFlow-TensorRT"},
    {"Horovod", "Horovod"},
    {"PyFunc", "the Python process that made the model"},
    {"EagerPyFunc", "the Python process that made the model"},
};

const char *custom_op_library(const char *op) {
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        if (strncmp(op, libraries[i].prefix, strlen(libraries[i].prefix)) == 0) return libraries[i].library;
    return NULL;
}
