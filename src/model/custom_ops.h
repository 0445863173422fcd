/* Where ops that TensorFlow itself has not come from: libraries that people load beside it. */
#ifndef MODEL_CUSTOM_OPS_H
#define MODEL_CUSTOM_OPS_H

/* "TensorFlow Text"; NULL when OP is TensorFlow's own, or not known. */
const char *custom_op_library(const char *op);

#endif
