/* Steps from a stored row to its one number, as "_InlayRowSide" takes them: attribute `steps`, pairs of a row_step and
 * the bits of its float32. */
#ifndef OP_ROW_SIDE_H
#define OP_ROW_SIDE_H

typedef enum row_step {
    ROW_SQRT,
    ROW_RSQRT,
    ROW_RECIPROCAL,
    ROW_NEG,
    ROW_SQUARE,
    ROW_ADD, /* these have a number, the others none */
    ROW_MUL,
    ROW_DIV,
    ROW_MAXIMUM,
    ROW_MINIMUM,
    ROW_STEPS
} row_step;

#endif
