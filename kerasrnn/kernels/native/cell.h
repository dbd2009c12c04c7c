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

// Consecutive vectors of a record or of a packed kernel.
struct Range {
  int64_t first, count;
};

// The recurrent kernel as it was given, for one row; see `multiply_unpacked`.
struct Unpacked {
  const Scalar* weights = nullptr;  // (U, G U), or null: it is packed
  int64_t width = 0;                // G U
  const Place* places = nullptr;    // of the vectors of `recurrent_range`
};

struct ForwardStep {
  int64_t rows, units, blocks;  // blocks of kLanes units
  Panels panels;                // packed recurrent kernel
  const Scalar* bias;           // packed recurrent bias (GRU reset_after)
  const Scalar* const* h;       // rows x (padded U), state before the step
  Scalar* const* h_next;        // rows x (padded U), state after it
  Scalar* const* c;             // rows x (padded U), updated in place (LSTM)
  Scalar* const* record;        // rows x (width vectors)
  Scalar* const* y;             // rows x (U), or nulls
  bool keep;                    // leave in `record` what the way back needs
  Unpacked unpacked;
  Team* team;  // or null

  bool is_unpacked() const { return unpacked.weights != nullptr && rows > 0; }

  // What `multiply_rows` does, with weights as they were given, of N gates from
  // `gate` on: record += a (U) x the recurrent kernel, and then
  // finish(0, vector, sums, N) with those that load(0, vector, v) gives, of a
  // block after the other.
  template <int N, class Load, class Finish>
  void multiply_row(const Scalar* a, int64_t gate, const Load& load,
                    const Finish& finish) const {
    in_pieces(team, blocks, [&](int64_t first, int64_t last) {
      for (int64_t n = gate; n < gate + N; ++n)
        multiply_unpacked(a, unpacked.weights, unpacked.width, units,
                          unpacked.places + n * blocks + first, last - first,
                          record[0]);
      for (int64_t block = first; block < last; ++block) {
        Vec sums[N];
        for (int v = 0; v < N; ++v) sums[v] = load(0, block * N, v);
        finish(0, block * N, sums, N);
      }
    });
  }
  void finish(int64_t row, int64_t block, Vec h_new) const {
    int64_t unit = block * kLanes;
    store(h_next[row] + unit, h_new);
    if (y[row] != nullptr) store(y[row] + unit, h_new, units - unit);
  }
};

struct BackwardStep {
  int64_t rows, units, blocks;
  Panels panels;                // packed transposes of the recurrent kernel
  const Scalar* const* h_prev;  // rows x (U)
  const Scalar* const* c_prev;  // rows x (U) (LSTM)
  Scalar* const* record;        // rows x (width vectors)
  Scalar* const* d_h;           // rows x (padded U), updated in place
  Scalar* const* d_c;           // rows x (padded U), updated in place (LSTM)
  Unpacked unpacked;
  Team* team;  // or null

  // d_h += vectors [first, first + count) of the records, the gates'
  // gradients, times a transposed recurrent kernel.
  void add_recurrent(int64_t first, int64_t count, const Panels& panels) const {
    if (unpacked.weights != nullptr && rows > 0) {
      in_pieces(team, blocks, [&](int64_t first, int64_t last) {
        const int64_t unit = first * kLanes;
        multiply_unpacked_transposed(
            record[0], unpacked.weights + unit * unpacked.width, unpacked.width,
            (last - first) * kLanes, unpacked.places, count, d_h[0] + unit);
      });
      return;
    }
    multiply_rows<4, 1>(
        team, record, first * kLanes, rows, count * kLanes, panels, blocks,
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
