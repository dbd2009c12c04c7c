// Matrix products by register blocks: kRows rows by up to 4 vectors of
// columns stay in registers while the inner dimension runs.
//
// The right-hand matrix is packed once into panels: panel after panel of
// `group` vectors (the last one may have fewer), in a panel row after row,
// so that the inner loop reads memory in one stream. Left-hand rows are given
// by pointers: masked steps are simply not in the list.

#pragma once

#include "simd.h"

namespace kerasrnn {
namespace KERASRNN_ISA {

// acc[r][v] += sum over i of a[r][offset + i] * panel[i][v]
template <int R, int N>
inline __attribute__((always_inline)) void multiply(Vec (&acc)[R][N],
                                                    const float* const* a,
                                                    int64_t offset,
                                                    int64_t depth,
                                                    const float* panel) {
  const float* rows[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) rows[r] = a[r] + offset;
#pragma GCC unroll 2
  for (int64_t i = 0; i < depth; ++i) {
    Vec b[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) b[v] = load(panel + (i * N + v) * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      Vec value = splat(rows[r][i]);
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) acc[r][v] += value * b[v];
    }
  }
}

// One block. start(row, vector, v) gives the accumulator of column vector
// `vector + v` its first value; finish(row, vector, sums, N) takes the sums of
// N vectors from `vector` on.
template <int R, int N, class Start, class Finish>
void multiply_block(const float* const* a, int64_t offset, int64_t row,
                    int64_t vector, int64_t depth, const float* panel, const Start& start,
                    const Finish& finish) {
  Vec sums[R][N];
  {
    Vec acc[R][N];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) acc[r][v] = start(row + r, vector, v);
    multiply<R, N>(acc, a + row, offset, depth, panel);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) sums[r][v] = acc[r][v];
  }
  for (int r = 0; r < R; ++r) finish(row + r, vector, sums[r], N);
}

// One panel against all rows.
template <int N, int R = kRows, class Start, class Finish>
void multiply_panel(const float* const* a, int64_t offset, int64_t row,
                    int64_t rows, int64_t vector, int64_t depth, const float* panel,
                    const Start& start, const Finish& finish) {
  for (; row + R <= rows; row += R)
    multiply_block<R, N>(a, offset, row, vector, depth, panel, start, finish);
  if constexpr (R > 1)
    multiply_panel<N, R - 1>(a, offset, row, rows, vector, depth, panel, start,
                             finish);
}

// All panels against all rows: panels outside, so that one panel serves all
// rows from the cache. `vectors` is a multiple of Unit, which spares the blocks
// for other tails.
template <int Group, int Unit, class Start, class Finish>
void multiply_rows(const float* const* a, int64_t offset, int64_t rows, int64_t depth,
                   const float* panels, int64_t vectors, const Start& start,
                   const Finish& finish) {
  int64_t vector = 0;
  for (; vector + Group <= vectors; vector += Group)
    multiply_panel<Group>(a, offset, 0, rows, vector, depth,
                          panels + vector * kLanes * depth, start, finish);
  const float* panel = panels + vector * kLanes * depth;
  const int64_t left = vectors - vector;
  if constexpr (Unit == 1) {
    if (left == 1)
      multiply_panel<1>(a, offset, 0, rows, vector, depth, panel, start,
                        finish);
    if (left == 3)
      multiply_panel<3>(a, offset, 0, rows, vector, depth, panel, start,
                        finish);
  }
  if constexpr (Unit <= 2) {
    if (left == 2)
      multiply_panel<2>(a, offset, 0, rows, vector, depth, panel, start,
                        finish);
  }
}

// Where a vector's columns lie in a Keras array: columns
// [gate * U + block * lanes, ...), of which `lanes_of` are inside the gate.
struct Column {
  int64_t gate, block;
};
inline int64_t lanes_of(Column column, int64_t units) {
  return min(kLanes, units - column.block * kLanes);
}
inline int64_t offset_of(Column column, int64_t units) {
  return column.gate * units + column.block * kLanes;
}

// panels <- weights (depth, width), the columns of vector v at order(v).
template <class Order>
void pack_panel(const float* weights, int64_t depth, int64_t width,
                int64_t units, int64_t vector, int64_t count, Order order,
                float* panels) {
  float* to = panels + vector * kLanes * depth;
  for (int64_t i = 0; i < depth; ++i)
    for (int64_t v = 0; v < count; ++v, to += kLanes) {
      Column column = order(vector + v);
      store(to, load(weights + i * width + offset_of(column, units),
                     lanes_of(column, units)));
    }
}

// panels <- transpose of weights (columns, width): inner index i is lane
// i % lanes of vector i / lanes of order, outer index a row of weights.
template <class Order>
void pack_transposed_panel(const float* weights, int64_t columns,
                           int64_t width, int64_t units, int64_t inner_vectors,
                           int64_t vector, int64_t count, Order order,
                           float* panels) {
  int64_t depth = inner_vectors * kLanes;
  float* panel = panels + vector * kLanes * depth;
  for (int64_t inner = 0; inner < inner_vectors; ++inner) {
    Column column = order(inner);
    int64_t lanes = lanes_of(column, units);
    float* to = panel + inner * kLanes * count * kLanes;
    for (int64_t j = 0; j < count * kLanes; ++j) {
      int64_t row = vector * kLanes + j;
      Vec values{};
      if (row < columns)
        values = load(weights + row * width + offset_of(column, units), lanes);
      for (int64_t lane = 0; lane < kLanes; ++lane)
        to[lane * count * kLanes + j] = values[lane];
    }
  }
}

// Sum over pairs p of outer products a[p] (m) x b[p] (the vectors of order),
// stored into the Keras array c (m, width); the columns' sums into `sums`.
// `a_pack` holds kDepth * (m + kRows) floats, `b_pack` kDepth * 4 vectors.
constexpr int64_t kDepth = 128;

template <int R, int N>
inline void outer_block(const float* a, const float* b, int64_t depth,
                        bool first, const int64_t* offsets,
                        const int64_t* lanes, float* c, int64_t width) {
  Vec acc[R][N];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) acc[r][v] = Vec{};
  for (int64_t i = 0; i < depth; ++i) {
    Vec right[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) right[v] = load(b + (i * N + v) * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      Vec left = splat(a[i * kRows + r]);
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) acc[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) {
      float* to = c + r * width + offsets[v];
      Vec sum = acc[r][v];
      if (!first) sum += load(to, lanes[v]);
      store(to, sum, lanes[v]);
    }
}

template <int N, int R = kRows>
void outer_rows(int64_t rows, const float* a, const float* b, int64_t depth,
                bool first, const int64_t* offsets, const int64_t* lanes,
                float* c, int64_t width) {
  if (rows == R) {
    outer_block<R, N>(a, b, depth, first, offsets, lanes, c, width);
  } else if constexpr (R > 1) {
    outer_rows<N, R - 1>(rows, a, b, depth, first, offsets, lanes, c, width);
  }
}

template <class Order>
void outer_products(const float* const* a, int64_t m, const float* const* b,
                    int64_t pairs, int64_t b_offset, int64_t first_vector,
                    int64_t last_vector, Order order, int64_t units,
                    int64_t width, float* c, float* sums, float* a_pack,
                    float* b_pack) {
  for (int64_t start = 0; start < pairs; start += kDepth) {
    int64_t depth = min(kDepth, pairs - start);
    for (int64_t row = 0; row < m; row += kRows) {
      float* to = a_pack + row * kDepth;
      int64_t rows = min(kRows, m - row);
      for (int64_t i = 0; i < depth; ++i)
        for (int64_t r = 0; r < rows; ++r)
          to[i * kRows + r] = a[start + i][row + r];
    }
    for (int64_t vector = first_vector; vector < last_vector; vector += 4) {
      int64_t count = min(4, last_vector - vector);
      int64_t offsets[4], lanes[4];
      Vec total[4] = {};
      for (int64_t v = 0; v < count; ++v) {
        Column column = order(vector + v);
        offsets[v] = offset_of(column, units);
        lanes[v] = lanes_of(column, units);
      }
      for (int64_t i = 0; i < depth; ++i) {
        const float* from = b[start + i] + b_offset + vector * kLanes;
        for (int64_t v = 0; v < count; ++v) {
          Vec value = load(from + v * kLanes);
          total[v] += value;
          store(b_pack + (i * count + v) * kLanes, value);
        }
      }
      if (sums != nullptr)
        for (int64_t v = 0; v < count; ++v) {
          float* to = sums + offsets[v];
          if (start > 0) total[v] += load(to, lanes[v]);
          store(to, total[v], lanes[v]);
        }
      for (int64_t row = 0; row < m; row += kRows) {
        int64_t rows = min(kRows, m - row);
        const float* left = a_pack + row * kDepth;
        float* to = c + row * width;
        bool first = start == 0;
        if (count == 4)
          outer_rows<4>(rows, left, b_pack, depth, first, offsets, lanes, to,
                        width);
        if (count == 3)
          outer_rows<3>(rows, left, b_pack, depth, first, offsets, lanes, to,
                        width);
        if (count == 2)
          outer_rows<2>(rows, left, b_pack, depth, first, offsets, lanes, to,
                        width);
        if (count == 1)
          outer_rows<1>(rows, left, b_pack, depth, first, offsets, lanes, to,
                        width);
      }
    }
  }
}

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
