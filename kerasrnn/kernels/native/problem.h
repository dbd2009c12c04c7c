// What one call computes: sizes, options and arrays. Shared by every
// instruction set, so it holds plain data only.
//
// Shapes: B batch, T steps, D features, U units, G gates (LSTM i f c o;
// GRU z r h; SimpleRNN one). All arrays are row-major and of one type, float or
// double.

#ifndef KERASRNN_PROBLEM_H_
#define KERASRNN_PROBLEM_H_

#include <cstdint>

namespace kerasrnn {

enum class Family { kSimpleTanh, kSimpleRelu, kLstm, kGru, kGruResetAfter };

template <class Scalar>
struct Problem {
  Family family;
  int64_t batch, steps, features, units;
  const Scalar* x;          // (B, T, D)
  const Scalar* h0;         // (B, U)
  const Scalar* c0;         // (B, U), LSTM only
  const Scalar* kernel;     // (D, G U)
  const Scalar* recurrent;  // (U, G U)
  const Scalar* bias;       // (G U), GRU reset_after (2, 3 U), or null
  const uint8_t* mask;      // (B, T), or null
  bool
      go_backwards;  // step s reads x[:, T - 1 - s]; outputs stay in step order
  bool zero_output_for_mask;
  int threads;

  // The rows of the batch in the order in which tasks take them, and where
  // each task's rows begin: task i owns rows[begin[i] .. begin[i + 1]).
  const int64_t* rows;
  const int64_t* begin;
  int64_t tasks;
  // Into how many pieces each step is cut, for as many threads that take one
  // row through them together (team.h); 1 where they share no rows.
  int64_t pieces;

  int64_t time(int64_t s) const { return go_backwards ? steps - 1 - s : s; }
  bool valid(int64_t b, int64_t s) const {
    return mask == nullptr || mask[b * steps + time(s)] != 0;
  }
  // The valid step before step s of row b, or -1: the initial state.
  int64_t previous(int64_t b, int64_t s) const {
    do --s;
    while (s >= 0 && !valid(b, s));
    return s;
  }
};

template <class Scalar>
struct Forward {
  Scalar* last_output;  // (B, U)
  Scalar* outputs;      // (B, T, U), or null
  Scalar* h;            // (B, U)
  Scalar* c;            // (B, U), LSTM only
  Scalar* residuals;    // (B, T, record_floats), or null
};

template <class Scalar>
struct Backward {
  const Scalar* outputs;    // (B, T, U), as the forward pass wrote them
  const Scalar* d_last;     // (B, U)
  const Scalar* d_outputs;  // (B, T, U), or null
  const Scalar* d_h;        // (B, U)
  const Scalar* d_c;        // (B, U), LSTM only
  Scalar* records;          // (B, T, record_floats): residuals in, d_gates out
  Scalar* d_h0;             // (B, U)
  Scalar* d_c0;             // (B, U), LSTM only
  Scalar* d_kernel;         // (D, G U)
  Scalar* d_recurrent;      // (U, G U)
  Scalar* d_bias;           // as bias, or null
};

// The entry points that each instruction set fills in. Those that compute
// return false when memory runs out.
template <class Scalar>
struct Kernels {
  const char* name;
  int64_t (*record_floats)(const Problem<Scalar>&);
  bool (*forward)(const Problem<Scalar>&, const Forward<Scalar>&);
  bool (*backward)(const Problem<Scalar>&, const Backward<Scalar>&);
  // d_x (B, T, D) from the d_gates that `backward` left in the records.
  bool (*input_gradient)(const Problem<Scalar>&, const Scalar* records,
                         Scalar* d_x);
};

extern const Kernels<float> kBaseline;
extern const Kernels<double> kBaselineDouble;
#ifdef __x86_64__
extern const Kernels<float> kAvx2, kAvx512;
extern const Kernels<double> kAvx2Double;
extern const Kernels<float>* const kAvx512Bfloat16;  // or null: not compiled
#endif

// 64-byte aligned memory; null when there is none.
void* allocate(int64_t bytes);
void release(void* memory);
// Asks for large pages where all of an array will be written and none of it has
// been: what is larger than the C library keeps comes from the system anew at
// each call, and a fault for each small page took a quarter of a training step.
void prefer_large_pages(void* memory, int64_t bytes);

// Runs task(context, 0 .. tasks - 1) on at most `threads` threads, the
// caller's among them, and returns when all are done.
void parallel(int threads, int64_t tasks, void (*task)(void*, int64_t),
              void* context);

}  // namespace kerasrnn

#endif  // KERASRNN_PROBLEM_H_
