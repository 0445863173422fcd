/* Linear algebra of matrices in the last two dims. */
#include "opdef/families.h"

const op_def linalg_defs[] = {
    {"Cholesky", .in = "input:T", .out = "output:T", .attrs = "T:type"},
    {"MatrixDeterminant", .in = "input:T", .out = "output:T", .attrs = "T:type"},
    {"LogMatrixDeterminant", .in = "input:T", .out = "sign:T log_abs_determinant:T", .attrs = "T:type"},
    {"MatrixInverse", .in = "input:T", .out = "output:T", .attrs = "adjoint:bool=false T:type"},
    {"MatrixSolve", .in = "matrix:T rhs:T", .out = "output:T", .attrs = "adjoint:bool=false T:type"},
    {"MatrixSolveLs", .in = "matrix:T rhs:T l2_regularizer:float64", .out = "output:T",
     .attrs = "T:type fast:bool=true"},
    {"MatrixTriangularSolve", .in = "matrix:T rhs:T", .out = "output:T",
     .attrs = "lower:bool=true adjoint:bool=false T:type"},
    {"Lu", .in = "input:T", .out = "lu:T p:output_idx_type", .attrs = "T:type output_idx_type:type=int32"},
    {"Qr", .in = "input:T", .out = "q:T r:T", .attrs = "full_matrices:bool=false T:type"},
    {"SelfAdjointEigV2", .in = "input:T", .out = "e:T v:T", .attrs = "compute_v:bool=true T:type"},
    {"Svd", .in = "input:T", .out = "s:T u:T v:T", .attrs = "compute_uv:bool=true full_matrices:bool=false T:type"},
};
const size_t linalg_defs_count = sizeof linalg_defs / sizeof *linalg_defs;
