#define KERASRNN_ISA baseline
#define KERASRNN_SCALAR float
#define KERASRNN_LANES 4
#define KERASRNN_ROWS 3
#include "recurrence.h"

namespace kerasrnn {

const Kernels<float> kBaseline = {"any CPU", baseline::any_record_floats,
                                  baseline::any_forward, baseline::any_backward,
                                  baseline::any_input_gradient};

}  // namespace kerasrnn
