#define KERASRNN_ISA avx2_double
#define KERASRNN_SCALAR double
#define KERASRNN_LANES 4
#define KERASRNN_ROWS 3
#include "recurrence.h"

namespace kerasrnn {

const Kernels<double> kAvx2Double = {
    "AVX2", avx2_double::any_record_floats, avx2_double::any_forward,
    avx2_double::any_backward, avx2_double::any_input_gradient};

}  // namespace kerasrnn
