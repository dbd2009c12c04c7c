#define KERASRNN_ISA baseline_double
#define KERASRNN_SCALAR double
#define KERASRNN_LANES 2
#define KERASRNN_ROWS 3
#include "recurrence.h"

namespace kerasrnn {

const Kernels<double> kBaselineDouble = {
    "any CPU", baseline_double::any_record_floats, baseline_double::any_forward,
    baseline_double::any_backward, baseline_double::any_input_gradient};

}  // namespace kerasrnn
