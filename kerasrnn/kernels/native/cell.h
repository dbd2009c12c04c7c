// What a cell's arithmetic sees of one step: the rows that are valid at it.
//
// A record is what one row keeps of one step, `width` vectors long: on the way
// forward the input projection, then the activated gates; on the way back the
// gradients of the gates' inputs, in the same places. Each cell says which
// column of the Keras arrays lies where (`order`), so that one routine packs
// all weights, and padding lanes of the last block are zero everywhere.

#pragma once

#include "gemm.h"
#include "problem.h"

namespace kerasrnn {
namespace KERASRNN_ISA {

struct ForwardStep {
  int64_t rows, units, blocks;  // blocks of kLanes units
  const float* panels;          // packed recurrent kernel
  const float* bias;            // packed recurrent bias (GRU reset_after)
  const float* const* h;        // rows x (padded U), state before the step
  float* const* h_next;         // rows x (padded U), state after it
  float* const* c;              // rows x (padded U), updated in place (LSTM)
  float* const* record;         // rows x (width vectors)
  float* const* y;              // rows x (U), or nulls
  bool keep;                    // leave in `record` what the way back needs

  void finish(int64_t row, int64_t block, Vec h_new) const {
    int64_t unit = block * kLanes;
    store(h_next[row] + unit, h_new);
    if (y[row] != nullptr) store(y[row] + unit, h_new, units - unit);
  }
};

// Consecutive vectors of a record or of a packed kernel.
struct Range {
  int64_t first, count;
};

struct BackwardStep {
  int64_t rows, units, blocks;
  const float* panels;         // packed transposes of the recurrent kernel
  const float* const* h_prev;  // rows x (U)
  const float* const* c_prev;  // rows x (U) (LSTM)
  float* const* record;        // rows x (width vectors)
  float* const* d_h;           // rows x (padded U), updated in place
  float* const* d_c;           // rows x (padded U), updated in place (LSTM)

  // d_h += vectors [first, first + count) of the records, the gates'
  // gradients, times a transposed recurrent kernel.
  void add_recurrent(int64_t first, int64_t count, const float* panels) const {
    multiply_rows<4, 1>(
        record, first * kLanes, rows, count * kLanes, panels, blocks,
        [&](int64_t row, int64_t vector, int64_t v) {
          return load(d_h[row] + (vector + v) * kLanes);
        },
        [&](int64_t row, int64_t vector, const Vec* sums, int64_t n) {
          for (int64_t v = 0; v < n; ++v)
            store(d_h[row] + (vector + v) * kLanes, sums[v]);
        });
  }
};

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
