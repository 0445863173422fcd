"""Models whose search is written plainly, made without TensorFlow: a graph as text over variables that inlay fuse stored."""

import shutil

import numpy as np


def attribute(key, value):
    return f'attr {{ key: "{key}" value {{ {value} }} }}'


FLOAT = attribute("T", "type: DT_FLOAT")
STORED = attribute("dtype", "type: DT_FLOAT")
KEEP = FLOAT + attribute("Tidx", "type: DT_INT32") + attribute("keep_dims", "b: true")
LOSE = FLOAT + attribute("Tidx", "type: DT_INT32")
TURNED = FLOAT + attribute("transpose_b", "b: true")


def node(name, op, inputs="", attributes=""):
    given = " ".join(f'input: "{i}"' for i in inputs.split())
    return f'node {{ name: "{name}" op: "{op}" {given} {attributes} }}'


def constant(name, dtype, field, value, dims=""):
    tensor = f"tensor {{ dtype: {dtype} tensor_shape {{ {dims} }} {field}: {value} }}"
    return node(name, "Const", "", attribute("dtype", f"type: {dtype}") + attribute("value", tensor))


def shape(*dims):
    return attribute("shape", "shape { " + " ".join(f"dim {{ size: {d} }}" for d in dims) + " }")


def normalized(of):
    return [node(f"{of}_squares", "Square", of, FLOAT), node(f"{of}_sum", "Sum", f"{of}_squares one", KEEP),
            node(f"{of}_floor", "Maximum", f"{of}_sum tiny", FLOAT), node(f"{of}_length", "Rsqrt", f"{of}_floor", FLOAT),
            node(f"{of}_unit", "Mul", f"{of} {of}_length", FLOAT)]


SCORES = {
    "dot": [node("scores", "MatMul", "q rows", TURNED)],
    "cosine": [*normalized("q"), *normalized("rows"), node("scores", "MatMul", "q_unit rows_unit", TURNED)],
    "l2": [node("q_squares", "Square", "q", FLOAT), node("q_sum", "Sum", "q_squares one", KEEP),
           node("rows_squares", "Square", "rows", FLOAT), node("rows_sum", "Sum", "rows_squares one", LOSE),
           node("product", "MatMul", "q rows", TURNED), node("twice", "Mul", "two product", FLOAT),
           node("less", "Sub", "twice rows_sum", FLOAT), node("scores", "Sub", "less q_sum", FLOAT)],
    "apart": [node("wide", "ExpandDims", "q one", FLOAT + attribute("Tdim", "type: DT_INT32")),
              node("apart", "SquaredDifference", "wide rows", FLOAT), node("sum", "Sum", "apart last", LOSE),
              node("scores", "Neg", "sum", FLOAT)],
    "rounded": [node("product", "MatMul", "q rows", TURNED), node("scores", "Round", "product", FLOAT)],
}


def restoring(key):
    return [node("save/Const", "Placeholder", "", attribute("dtype", "type: DT_STRING")),
            constant("save/names", "DT_STRING", "string_val", f'"{key}"', "dim { size: 1 }"),
            constant("save/slices", "DT_STRING", "string_val", '""', "dim { size: 1 }"),
            node("save/Restore", "RestoreV2", "save/Const save/names save/slices", attribute("dtypes", "list { type: DT_FLOAT }")),
            node("save/Assign", "AssignVariableOp", "handle save/Restore", STORED),
            node("save/restore_all", "NoOp", "^save/Assign")]


def signature(name, scores, indices):
    def tensor(key, label, dtype, dims):
        sizes = " ".join(f"dim {{ size: {d} }}" for d in dims)
        return f'{{ key: "{key}" value {{ name: "{label}" dtype: {dtype} tensor_shape {{ {sizes} }} }} }}'
    return (f'signature_def {{ key: "{name}" value {{ inputs {tensor("q", "q:0", "DT_FLOAT", (-1, -1))}'
            f' inputs {tensor("k", "k:0", "DT_INT32", ())} outputs {tensor("scores", scores, "DT_FLOAT", (-1, -1))}'
            f' outputs {tensor("indices", indices, "DT_INT32", (-1, -1))} method_name: "tensorflow/serving/predict" }} }}')


def write(inlay, folder, rows, scores):
    """A model at FOLDER with the signature "search" of SCORES, a key of the table, for the best of ROWS."""
    np.save(folder.parent / f"{folder.name}.npy", rows)
    inlay.ok("fuse", "--embeddings", folder.parent / f"{folder.name}.npy", "--metric", "dot", "--chunk", 10**9, "--shards", "copy",
             "-o", folder)
    (folder / "saved_model.pb").unlink()
    shutil.rmtree(folder / "assets.extra")
    nodes = [node("q", "Placeholder", "", STORED + shape(-1, rows.shape[1])),
             node("k", "Placeholder", "", attribute("dtype", "type: DT_INT32")),
             node("handle", "VarHandleOp", "", STORED + shape(*rows.shape) + attribute("shared_name", 's: "rows"')),
             node("rows", "ReadVariableOp", "handle", STORED), constant("one", "DT_INT32", "int_val", 1),
             constant("last", "DT_INT32", "int_val", -1), constant("two", "DT_FLOAT", "float_val", 2),
             constant("tiny", "DT_FLOAT", "float_val", 1e-12), *SCORES[scores],
             node("top", "TopKV2", "scores k", FLOAT), *restoring("inlay_search/rows_0")]
    text = ["saved_model_schema_version: 1 meta_graphs { meta_info_def { tags: \"serve\" } graph_def {", *nodes,
            'versions { producer: 1087 } } saver_def { filename_tensor_name: "save/Const:0" restore_op_name: "save/restore_all" version: V2 }',
            signature("search", "top:0", "top:1"), "}"]
    (folder / "saved_model.pbtxt").write_text("\n".join(text))
    return folder
