#define KERASRNN_ISA avx512
#define KERASRNN_SCALAR float
#define KERASRNN_LANES 16
#define KERASRNN_ROWS 6
#include "recurrence.h"

namespace kerasrnn {

const Kernels<float> kAvx512 = {"AVX-512", avx512::any_record_floats,
                                avx512::any_forward, avx512::any_backward,
                                avx512::any_input_gradient};

}  // namespace kerasrnn
