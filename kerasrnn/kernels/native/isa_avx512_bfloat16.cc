// Products in bfloat16. Null where the compiler does not know the instructions;
// whether the machine gains by them: see `best_kernels`.

#include "problem.h"

#ifdef __AVX512BF16__

#define KERASRNN_ISA avx512_bfloat16
#define KERASRNN_SCALAR float
#define KERASRNN_LANES 16
#define KERASRNN_ROWS 6
#define KERASRNN_BFLOAT16
#include "recurrence.h"

namespace kerasrnn {

static const Kernels<float> kKernels = {
    "AVX-512, products in bfloat16", avx512_bfloat16::any_record_floats,
    avx512_bfloat16::any_forward, avx512_bfloat16::any_backward,
    avx512_bfloat16::any_input_gradient};
const Kernels<float>* const kAvx512Bfloat16 = &kKernels;

}  // namespace kerasrnn

#else

namespace kerasrnn {

const Kernels<float>* const kAvx512Bfloat16 = nullptr;

}  // namespace kerasrnn

#endif
