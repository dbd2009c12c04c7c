// SimpleRNN: h' = activation(x W + h U + b)

#pragma once

#include "cell.h"

namespace kerasrnn {
namespace KERASRNN_ISA {

template <bool kRelu>
struct SimpleRnn {
  // A record is one vector a block: the input projection, h', then d_z.
  static constexpr int64_t kGates = 1, kWidth = 1;
  static Range input_range(int64_t blocks) { return {0, blocks}; }
  static Range recurrent_range(int64_t blocks) { return {0, blocks}; }
  static Column order(int64_t vector, int64_t) { return {0, vector}; }

  template <class Pack>
  static void pack_forward(int64_t blocks, const Pack& pack) {
    pack(4, blocks, [](int64_t vector) { return Column{0, vector}; });
  }

  static void forward(const ForwardStep& s) {
    auto start = [&](int64_t row, int64_t vector, int64_t v) {
      return load(s.record[row] + (vector + v) * kLanes);
    };
    auto finish = [&](int64_t row, int64_t vector, const Vec* z, int64_t n) {
      for (int64_t v = 0; v < n; ++v) {
        Vec h;
        if constexpr (kRelu) {
          h = z[v] < 0.0f ? Vec{} : z[v];
        } else {
          h = tanh(z[v]);
        }
        if (s.keep) store(s.record[row] + (vector + v) * kLanes, h);
        s.finish(row, vector + v, h);
      }
    };
    if (s.is_unpacked()) {
      s.multiply_row<1>(s.h[0], 0, start, finish);
    } else {
      multiply_rows<4, 1>(s.team, s.h, 0, s.rows, s.units, s.panels, s.blocks,
                          start, finish);
    }
  }

  static void backward(const BackwardStep& s) {
    for (int64_t row = 0; row < s.rows; ++row)
      for (int64_t block = 0; block < s.blocks; ++block) {
        int64_t unit = block * kLanes;
        Vec h = load(s.record[row] + unit);
        Vec d_z = load(s.d_h[row] + unit);
        if constexpr (kRelu) {
          d_z = h > 0.0f ? d_z : Vec{};
        } else {
          d_z *= 1.0f - h * h;
        }
        store(s.record[row] + unit, keep(d_z, s.units - unit));
        store(s.d_h[row] + unit, Vec{});
      }
    s.add_recurrent(0, s.blocks, s.panels);
  }
};

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
