/* What the families of quantised ops share: ranges come and go as scalars beside the numbers. */
#ifndef OP_QUANTIZED_H
#define OP_QUANTIZED_H

#include "kernel/quantized/quantized.h"
#include "op/op.h"

/* The range in inputs MIN and MIN + 1, one number each, of codes of dtype T. */
inlay_status quantized_input(const op_call *c, int min, dtype t, quantized_range *out, inlay_error *err);

/* Outputs MIN and MIN + 1 are R's ends. */
inlay_status quantized_output(op_call *c, int min, const quantized_range *r, inlay_error *err);

/* UNIMPLEMENTED unless input I has dtype T. */
inlay_status quantized_expect(const op_call *c, int i, dtype t, inlay_error *err);

#endif
