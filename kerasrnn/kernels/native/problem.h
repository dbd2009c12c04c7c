// What one call computes: sizes, options and arrays. Shared by every
// instruction set, so it holds plain data only.
//
// Shapes: B batch, T steps, D features, U units, G gates (LSTM i f c o;
// GRU z r h; SimpleRNN one). All arrays are row-major float32.

#ifndef KERASRNN_PROBLEM_H_
#define KERASRNN_PROBLEM_H_

#include <cstdint>

namespace kerasrnn {

enum class Family { kSimpleTanh, kSimpleRelu, kLstm, kGru, kGruResetAfter };

struct Problem {
  Family family;
  int64_t batch, steps, features, units;
  const float* x;          // (B, T, D)
  const float* h0;         // (B, U)
  const float* c0;         // (B, U), LSTM only
  const float* kernel;     // (D, G U)
  const float* recurrent;  // (U, G U)
  const float* bias;       // (G U), GRU reset_after (2, 3 U), or null
  const uint8_t* mask;     // (B, T), or null
  bool
      go_backwards;  // step s reads x[:, T - 1 - s]; outputs stay in step order
  bool zero_output_for_mask;
  int threads;

  // The rows of the batch in the order in which tasks take them, and where
  // each task's rows begin: task i owns rows[begin[i] .. begin[i + 1]).
  const int64_t* rows;
  const int64_t* begin;
  int64_t tasks;

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

struct Forward {
  float* last_output;  // (B, U)
  float* outputs;      // (B, T, U), or null
  float* h;            // (B, U)
  float* c;            // (B, U), LSTM only
  float* residuals;    // (B, T, record_floats), or null
};

struct Backward {
  const float* outputs;    // (B, T, U), as the forward pass wrote them
  const float* d_last;     // (B, U)
  const float* d_outputs;  // (B, T, U), or null
  const float* d_h;        // (B, U)
  const float* d_c;        // (B, U), LSTM only
  float* records;          // (B, T, record_floats): residuals in, d_gates out
  float* d_h0;             // (B, U)
  float* d_c0;             // (B, U), LSTM only
  float* d_kernel;         // (D, G U)
  float* d_recurrent;      // (U, G U)
  float* d_bias;           // as bias, or null
};

// The entry points that each instruction set fills in. Those that compute
// return false when memory runs out.
struct Kernels {
  const char* name;
  int64_t (*record_floats)(const Problem&);
  bool (*forward)(const Problem&, const Forward&);
  bool (*backward)(const Problem&, const Backward&);
  // d_x (B, T, D) from the d_gates that `backward` left in the records.
  bool (*input_gradient)(const Problem&, const float* records, float* d_x);
};

extern const Kernels kBaseline;
#ifdef __x86_64__
extern const Kernels kAvx2;
extern const Kernels kAvx512;
extern const Kernels* const kAvx512Bfloat16;  // or null: not compiled
#endif

// 64-byte aligned memory; null when there is none.
void* allocate(int64_t bytes);
void release(void* memory);

// Runs task(context, 0 .. tasks - 1) on at most `threads` threads, the
// caller's among them, and returns when all are done.
void parallel(int threads, int64_t tasks, void (*task)(void*, int64_t),
              void* context);

}  // namespace kerasrnn

#endif  // KERASRNN_PROBLEM_H_
