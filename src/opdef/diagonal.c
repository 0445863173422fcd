/* Diagonals of matrices. */
#include "opdef/families.h"

#define ALIGN "T:type align:string='RIGHT_LEFT'"

const op_def diagonal_defs[] = {
    {"MatrixDiag", .in = "diagonal:T", .out = "output:T", .attrs = "T:type"},
    {"MatrixDiagV2", .in = "diagonal:T k:int32 num_rows:int32 num_cols:int32 padding_value:T", .out = "output:T",
     .attrs = "T:type"},
    {"MatrixDiagV3", .in = "diagonal:T k:int32 num_rows:int32 num_cols:int32 padding_value:T", .out = "output:T",
     .attrs = ALIGN},
    {"BatchMatrixDiag", .in = "diagonal:T", .out = "output:T", .attrs = "T:type"},
    {"MatrixDiagPart", .in = "input:T", .out = "diagonal:T", .attrs = "T:type"},
    {"MatrixDiagPartV2", .in = "input:T k:int32 padding_value:T", .out = "diagonal:T", .attrs = "T:type"},
    {"MatrixDiagPartV3", .in = "input:T k:int32 padding_value:T", .out = "diagonal:T", .attrs = ALIGN},
    {"BatchMatrixDiagPart", .in = "input:T", .out = "diagonal:T", .attrs = "T:type"},
    {"MatrixSetDiag", .in = "input:T diagonal:T", .out = "output:T", .attrs = "T:type"},
    {"MatrixSetDiagV2", .in = "input:T diagonal:T k:int32", .out = "output:T", .attrs = "T:type"},
    {"MatrixSetDiagV3", .in = "input:T diagonal:T k:int32", .out = "output:T", .attrs = ALIGN},
    {"BatchMatrixSetDiag", .in = "input:T diagonal:T", .out = "output:T", .attrs = "T:type"},
    {"MatrixBandPart", .in = "input:T num_lower:Tindex num_upper:Tindex", .out = "band:T",
     .attrs = "T:type Tindex:type=int64"},
    {"BatchMatrixBandPart", .in = "input:T num_lower:int64 num_upper:int64", .out = "band:T", .attrs = "T:type"},
    {"Diag", .in = "diagonal:T", .out = "output:T", .attrs = "T:type"},
    {"DiagPart", .in = "input:T", .out = "diagonal:T", .attrs = "T:type"},
};
const size_t diagonal_defs_count = sizeof diagonal_defs / sizeof *diagonal_defs;
