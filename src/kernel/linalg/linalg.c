#include "kernel/linalg/linalg.h"

#include <complex.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST_SWEEPS = 60 }; /* some ten are enough for any matrix of numbers */

#define T double
#define CONJ(x) (x)
#define SIZE(x) fabs(x)
#define RE(x) (x)
#define NAME(x) x##_real
#include "kernel/linalg/linalg_body.h"

#define T double _Complex
#define CONJ(x) conj(x)
#define SIZE(x) cabs(x)
#define RE(x) creal(x)
#define NAME(x) x##_complex
#include "kernel/linalg/linalg_body.h"
