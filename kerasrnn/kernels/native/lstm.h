// LSTM: i, f, o = sigmoid(x W + h U + b), g = tanh(x W_g + h U_g + b_g),
// c' = f c + i g, h' = o tanh(c'); g is the candidate, c~ in many texts.

#pragma once

#include "cell.h"

namespace kerasrnn {
namespace KERASRNN_ISA {

struct Lstm {
  // A record: i f g o of block 0, of block 1, ..., then c', one vector a block.
  static constexpr int64_t kGates = 4, kWidth = 5;
  static Range input_range(int64_t blocks) { return {0, 4 * blocks}; }
  static Range recurrent_range(int64_t blocks) { return {0, 4 * blocks}; }
  static Column order(int64_t vector, int64_t) {
    return {vector % 4, vector / 4};
  }

  template <class Pack>
  static void pack_forward(int64_t blocks, const Pack& pack) {
    pack(4, 4 * blocks,
         [](int64_t vector) { return Column{vector % 4, vector / 4}; });
  }

  static void forward(const ForwardStep& s) {
    auto start = [&](int64_t row, int64_t vector, int64_t v) {
      return load(s.record[row] + (vector + v) * kLanes);
    };
    auto finish = [&](int64_t row, int64_t vector, const Vec* z, int64_t) {
      int64_t unit = vector / 4 * kLanes;
      Vec i = sigmoid(z[0]);
      Vec f = sigmoid(z[1]);
      Vec g = tanh(z[2]);
      Vec o = sigmoid(z[3]);
      Vec c = f * load(s.c[row] + unit) + i * g;
      store(s.c[row] + unit, c);
      if (s.keep) {
        Scalar* gates = s.record[row] + vector * kLanes;
        store(gates, i);
        store(gates + kLanes, f);
        store(gates + 2 * kLanes, g);
        store(gates + 3 * kLanes, o);
        store(s.record[row] + 4 * s.blocks * kLanes + unit, c);
      }
      s.finish(row, vector / 4, o * tanh(c));
    };
    if (s.is_unpacked()) {
      s.multiply_row<4>(s.h[0], 0, start, finish);
    } else {
      multiply_rows<4, 4>(s.team, s.h, 0, s.rows, s.units, s.panels,
                          4 * s.blocks, start, finish);
    }
  }

  static void backward(const BackwardStep& s) {
    for (int64_t row = 0; row < s.rows; ++row)
      for (int64_t block = 0; block < s.blocks; ++block) {
        int64_t unit = block * kLanes, left = s.units - unit;
        Scalar* gates = s.record[row] + 4 * unit;
        Vec i = load(gates), f = load(gates + kLanes);
        Vec g = load(gates + 2 * kLanes), o = load(gates + 3 * kLanes);
        Vec tanh_c =
            tanh(load(s.record[row] + (4 * s.blocks + block) * kLanes));
        Vec d_h = load(s.d_h[row] + unit);
        Vec d_c = load(s.d_c[row] + unit) + d_h * o * (1.0f - tanh_c * tanh_c);
        Vec d_i = d_c * g * i * (1.0f - i);
        Vec d_f = d_c * load(s.c_prev[row] + unit, left) * f * (1.0f - f);
        Vec d_g = d_c * i * (1.0f - g * g);
        Vec d_o = d_h * tanh_c * o * (1.0f - o);
        store(gates, keep(d_i, left));
        store(gates + kLanes, keep(d_f, left));
        store(gates + 2 * kLanes, keep(d_g, left));
        store(gates + 3 * kLanes, keep(d_o, left));
        store(s.d_c[row] + unit, keep(d_c * f, left));
        store(s.d_h[row] + unit, Vec{});
      }
    s.add_recurrent(0, 4 * s.blocks, s.panels);
  }
};

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
