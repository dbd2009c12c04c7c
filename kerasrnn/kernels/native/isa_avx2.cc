#define KERASRNN_ISA avx2
#define KERASRNN_SCALAR float
#define KERASRNN_LANES 8
#define KERASRNN_ROWS 3
#include "recurrence.h"

namespace kerasrnn {

const Kernels<float> kAvx2 = {"AVX2", avx2::any_record_floats,
                              avx2::any_forward, avx2::any_backward,
                              avx2::any_input_gradient};

}  // namespace kerasrnn
