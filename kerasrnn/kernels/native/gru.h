// GRU: z, r = sigmoid(x W + h U + b)
//   reset_after:  g = tanh(x W_g + b_g + r (h U_g + b'_g))
//   otherwise:    g = tanh(x W_g + (r h) U_g + b_g)
// h' = z h + (1 - z) g; g is the candidate, h~ in many texts.

#pragma once

#include "cell.h"

namespace kerasrnn {
namespace KERASRNN_ISA {

struct GruResetAfter {
  // A record: h U_g + b'_g; then z r of block 0, of block 1, ...; then g.
  static constexpr int64_t kGates = 3, kWidth = 4;
  static Range input_range(int64_t blocks) { return {blocks, 3 * blocks}; }
  static Range recurrent_range(int64_t blocks) { return {0, 3 * blocks}; }
  static Column order(int64_t vector, int64_t blocks) {
    if (vector < blocks) return {2, vector};
    vector -= blocks;
    if (vector < 2 * blocks) return {vector % 2, vector / 2};
    return {2, vector - 2 * blocks};
  }

  template <class Pack>
  static void pack_forward(int64_t blocks, const Pack& pack) {
    pack(3, 3 * blocks,
         [](int64_t vector) { return Column{vector % 3, vector / 3}; });
  }

  static void forward(const ForwardStep& s) {
    auto start = [&](int64_t row, int64_t vector, int64_t v) {
      int64_t block = vector / 3;
      if (v == 2) return load(s.bias + block * kLanes);
      return load(s.record[row] + (s.blocks + 2 * block + v) * kLanes);
    };
    auto finish = [&](int64_t row, int64_t vector, const Vec* sums, int64_t) {
      int64_t block = vector / 3;
      Scalar* candidate = s.record[row] + (3 * s.blocks + block) * kLanes;
      Vec z = sigmoid(sums[0]);
      Vec r = sigmoid(sums[1]);
      Vec g = tanh(load(candidate) + r * sums[2]);
      if (s.keep) {
        Scalar* gates = s.record[row] + (s.blocks + 2 * block) * kLanes;
        store(s.record[row] + block * kLanes, sums[2]);
        store(gates, z);
        store(gates + kLanes, r);
        store(candidate, g);
      }
      Vec h = load(s.h[row] + block * kLanes);
      s.finish(row, block, z * h + (1.0f - z) * g);
    };
    if (s.is_unpacked()) {
      memcpy(s.record[0], s.bias, s.blocks * kLanes * sizeof(Scalar));
      auto summed = [&](int64_t row, int64_t vector, int64_t v) {
        if (v < 2) return start(row, vector, v);
        return load(s.record[row] + vector / 3 * kLanes);
      };
      s.multiply_row<3>(s.h[0], 0, summed, finish);
    } else {
      multiply_rows<3, 3>(s.team, s.h, 0, s.rows, s.units, s.panels,
                          3 * s.blocks, start, finish);
    }
  }

  static void backward(const BackwardStep& s) {
    for (int64_t row = 0; row < s.rows; ++row)
      for (int64_t block = 0; block < s.blocks; ++block) {
        int64_t unit = block * kLanes, left = s.units - unit;
        Scalar* recurrent = s.record[row] + unit;
        Scalar* gates = s.record[row] + (s.blocks + 2 * block) * kLanes;
        Scalar* candidate = s.record[row] + (3 * s.blocks + block) * kLanes;
        Vec z = load(gates), r = load(gates + kLanes), g = load(candidate);
        Vec h_prev = load(s.h_prev[row] + unit, left);
        Vec d_h = load(s.d_h[row] + unit);
        Vec d_g = d_h * (1.0f - z) * (1.0f - g * g);
        Vec d_z = d_h * (h_prev - g) * z * (1.0f - z);
        Vec d_r = d_g * load(recurrent) * r * (1.0f - r);
        store(recurrent, keep(d_g * r, left));
        store(gates, keep(d_z, left));
        store(gates + kLanes, keep(d_r, left));
        store(candidate, keep(d_g, left));
        store(s.d_h[row] + unit, keep(d_h * z, left));
      }
    s.add_recurrent(0, 3 * s.blocks, s.panels);
  }
};

struct Gru {
  // A record: z r of block 0, of block 1, ...; then g; then r h.
  static constexpr int64_t kGates = 3, kWidth = 4;
  static Range input_range(int64_t blocks) { return {0, 3 * blocks}; }
  static Range recurrent_range(int64_t blocks) { return {0, 3 * blocks}; }
  static Column order(int64_t vector, int64_t blocks) {
    if (vector < 2 * blocks) return {vector % 2, vector / 2};
    return {2, vector - 2 * blocks};
  }

  template <class Pack>
  static void pack_forward(int64_t blocks, const Pack& pack) {
    pack(4, 2 * blocks,
         [](int64_t vector) { return Column{vector % 2, vector / 2}; });
    pack(4, blocks, [](int64_t vector) { return Column{2, vector}; });
  }

  static void forward(const ForwardStep& s) {
    auto start_gates = [&](int64_t row, int64_t vector, int64_t v) {
      return load(s.record[row] + (vector + v) * kLanes);
    };
    auto finish_gates = [&](int64_t row, int64_t vector, const Vec* sums,
                            int64_t n) {
      for (int64_t v = 0; v < n; v += 2) {
        int64_t block = (vector + v) / 2;
        Scalar* gates = s.record[row] + (vector + v) * kLanes;
        Vec r = sigmoid(sums[v + 1]);
        store(gates, sigmoid(sums[v]));
        if (s.keep) store(gates + kLanes, r);
        store(s.record[row] + (3 * s.blocks + block) * kLanes,
              r * load(s.h[row] + block * kLanes));
      }
    };
    auto start = [&](int64_t row, int64_t vector, int64_t v) {
      return load(s.record[row] + (2 * s.blocks + vector + v) * kLanes);
    };
    auto finish = [&](int64_t row, int64_t vector, const Vec* sums, int64_t n) {
      for (int64_t v = 0; v < n; ++v) {
        int64_t block = vector + v;
        Vec g = tanh(sums[v]);
        Vec z = load(s.record[row] + 2 * block * kLanes);
        Vec h = load(s.h[row] + block * kLanes);
        if (s.keep) store(s.record[row] + (2 * s.blocks + block) * kLanes, g);
        s.finish(row, block, z * h + (1.0f - z) * g);
      }
    };
    const int64_t reset_h = 3 * s.blocks * kLanes;
    if (s.is_unpacked()) {
      s.multiply_row<2>(s.h[0], 0, start_gates, finish_gates);
      s.multiply_row<1>(s.record[0] + reset_h, 2, start, finish);
    } else {
      multiply_rows<4, 2>(s.team, s.h, 0, s.rows, s.units, s.panels,
                          2 * s.blocks, start_gates, finish_gates);
      multiply_rows<4, 1>(s.team, s.record, reset_h, s.rows, s.units,
                          s.panels + panel_elements(2 * s.blocks, s.units),
                          s.blocks, start, finish);
    }
  }

  // panels: transposes of [U_z U_r] in record order, then of U_g.
  static void backward(const BackwardStep& s) {
    for (int64_t row = 0; row < s.rows; ++row)
      for (int64_t block = 0; block < s.blocks; ++block) {
        int64_t unit = block * kLanes, left = s.units - unit;
        Scalar* gates = s.record[row] + 2 * unit;
        Scalar* candidate = s.record[row] + (2 * s.blocks + block) * kLanes;
        Vec z = load(gates), g = load(candidate);
        Vec h_prev = load(s.h_prev[row] + unit, left);
        Vec d_h = load(s.d_h[row] + unit);
        store(gates, keep(d_h * (h_prev - g) * z * (1.0f - z), left));
        store(candidate, keep(d_h * (1.0f - z) * (1.0f - g * g), left));
        store(s.d_h[row] + unit, keep(d_h * z, left));
      }
    multiply_rows<4, 1>(
        s.team, s.record, 2 * s.blocks * kLanes, s.rows, s.blocks * kLanes,
        s.panels + panel_elements(s.blocks, 2 * s.blocks * kLanes), s.blocks,
        [&](int64_t, int64_t, int64_t) { return Vec{}; },
        [&](int64_t row, int64_t vector, const Vec* sums, int64_t n) {
          for (int64_t v = 0; v < n; ++v) {
            int64_t unit = (vector + v) * kLanes, left = s.units - unit;
            Scalar* reset = s.record[row] + 2 * unit + kLanes;
            Scalar* d_h = s.d_h[row] + unit;
            Vec r = load(reset);
            Vec d_r = sums[v] * load(s.h_prev[row] + unit, left);
            store(reset, keep(d_r * r * (1.0f - r), left));
            store(d_h, load(d_h) + keep(sums[v] * r, left));
          }
        });
    s.add_recurrent(0, 2 * s.blocks, s.panels);
  }
};

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
