// Matrix products by register blocks: kRows rows by up to 4 vectors of
// columns stay in registers while the inner dimension runs.
//
// The right-hand matrix is packed once into panels: panel after panel of
// `group` vectors (the last one may have fewer), in a panel row after row,
// so that the inner loop reads memory in one stream. Left-hand rows are given
// by pointers: masked steps are simply not in the list. Depths are counted in
// elements (element.h).

#pragma once

#include "element.h"
#include "team.h"

namespace kerasrnn {
namespace KERASRNN_ISA {

// work(first, last) for all of 0 .. count - 1, in pieces where there is a team.
template <class Work>
void in_pieces(Team* team, int64_t count, const Work& work) {
  if (team == nullptr) {
    work(0, count);
    return;
  }
  struct Pieces {
    const Work& work;
    int64_t count, pieces;
  } all{work, count, team->pieces()};
  team->run(
      [](void* context, int64_t piece) {
        const auto& [work, count, pieces] = *static_cast<Pieces*>(context);
        const int64_t first = count * piece / pieces;
        const int64_t last = count * (piece + 1) / pieces;
        if (first < last) work(first, last);
      },
      &all);
}

// acc[r][v] += sum over i of a[r][offset + i] * panel[i][v]
template <int R, int N>
inline __attribute__((always_inline)) void multiply(Vec (&acc)[R][N],
                                                    const Element* const* a,
                                                    int64_t offset,
                                                    int64_t depth,
                                                    const Element* panel) {
  const Element* rows[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) rows[r] = a[r] + offset;
#pragma GCC unroll 2
  for (int64_t i = 0; i < depth; ++i) {
    decltype(load(panel)) b[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) b[v] = load(panel + (i * N + v) * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto value = splat(rows[r][i]);
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) add_product(acc[r][v], value, b[v]);
    }
  }
}

// One block. start(row, vector, v) gives the accumulator of column vector
// `vector + v` its first value; finish(row, vector, sums, N) takes the sums of
// N vectors from `vector` on.
template <int R, int N, class Start, class Finish>
void multiply_block(const Left& left, int64_t row, int64_t vector,
                    const Element* panel, const Start& start,
                    const Finish& finish) {
  Vec sums[R][N];
  {
    Vec acc[R][N];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) acc[r][v] = start(row + r, vector, v);
    multiply<R, N>(acc, left.rows + row, left.offset, left.depth, panel);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) sums[r][v] = acc[r][v];
  }
  for (int r = 0; r < R; ++r) finish(row + r, vector, sums[r], N);
}

// A block of `count` <= R rows.
template <int R, int N, class Start, class Finish>
void multiply_some(int64_t count, const Left& left, int64_t row, int64_t vector,
                   const Element* panel, const Start& start,
                   const Finish& finish) {
  if (count == R) {
    multiply_block<R, N>(left, row, vector, panel, start, finish);
  } else if constexpr (R > 1) {
    multiply_some<R - 1, N>(count, left, row, vector, panel, start, finish);
  }
}

// One panel against all rows, in blocks of about equal size: 16 rows are
// 5 + 5 + 6, not 6 + 6 + 4, which leaves the multipliers waiting.
template <int N, class Start, class Finish>
void multiply_panel(const Left& left, int64_t rows, int64_t vector,
                    const Element* panel, const Start& start,
                    const Finish& finish) {
  const int64_t blocks = ceil_div(rows, kRows);
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t row = rows * i / blocks;
    multiply_some<kRows, N>(rows * (i + 1) / blocks - row, left, row, vector,
                            panel, start, finish);
  }
}

// Panels [first, last) against all rows: panels outside, so that one panel
// serves all rows from the cache. Of all panels' `vectors`, a multiple of Unit,
// which spares the blocks for other tails.
template <int Group, int Unit, class Start, class Finish>
void multiply_panels(const Left& left, int64_t rows, const Element* weights,
                     int64_t first, int64_t last, int64_t vectors,
                     const Start& start, const Finish& finish) {
  int64_t vector = first * Group;
  for (; vector + Group <= min(last * Group, vectors); vector += Group)
    multiply_panel<Group>(left, rows, vector,
                          weights + vector * kLanes * left.depth, start,
                          finish);
  const Element* panel = weights + vector * kLanes * left.depth;
  const int64_t rest = min(last * Group, vectors) - vector;
  if constexpr (Unit == 1) {
    if (rest == 1) multiply_panel<1>(left, rows, vector, panel, start, finish);
    if (rest == 3) multiply_panel<3>(left, rows, vector, panel, start, finish);
  }
  if constexpr (Unit <= 2) {
    if (rest == 2) multiply_panel<2>(left, rows, vector, panel, start, finish);
  }
}

// All panels against all rows, of which `depth` numbers from `offset` on, by
// the team where there is one.
template <int Group, int Unit, class Start, class Finish>
void multiply_rows(Team* team, const Scalar* const* a, int64_t offset,
                   int64_t rows, int64_t depth, const Panels& panels,
                   int64_t vectors, const Start& start, const Finish& finish) {
  const Left left = left_of(a, offset, rows, depth, panels);
  if (rows == 0) return;
  in_pieces(team, ceil_div(vectors, Group), [&](int64_t first, int64_t last) {
    multiply_panels<Group, Unit>(left, rows, panels.weights, first, last,
                                 vectors, start, finish);
  });
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

// Where a vector of a record lies in it, and its columns in a row of weights.
struct Place {
  int64_t record, column;
};

// So many rows of weights at a time are read side by side.
constexpr int64_t kAtOnce = kLanes < 8 ? kLanes : 8;

// record += a (depth) x weights (depth, width), for one row of the batch, which
// reads weights once a step: packing them would cost more than it spares. To
// the last bit what `multiply` gives. Vectors are whole, and so are lines of
// the cache where weights begin with one.
inline void multiply_unpacked(const Scalar* a, const Scalar* weights,
                              int64_t width, int64_t depth, const Place* places,
                              int64_t count, Scalar* record) {
  for (int64_t i = 0; i < depth; i += kAtOnce) {
    Vec values[kAtOnce];
    for (int64_t k = 0; k < kAtOnce; ++k) values[k] = splat(a[i + k]);
    for (int64_t v = 0; v < count; ++v) {
      const Scalar* from = weights + i * width + places[v].column;
      Vec sum = load(record + places[v].record);
      for (int64_t k = 0; k < kAtOnce; ++k)
        sum += values[k] * load(from + k * width);
      store(record + places[v].record, sum);
    }
  }
}

// d (depth) += record x transpose of weights (depth, width), the same way.
inline void multiply_unpacked_transposed(const Scalar* record,
                                         const Scalar* weights, int64_t width,
                                         int64_t depth, const Place* places,
                                         int64_t count, Scalar* d) {
  for (int64_t i = 0; i < depth; i += kAtOnce) {
    Vec sums[kAtOnce] = {};
    for (int64_t v = 0; v < count; ++v) {
      const Scalar* from = weights + i * width + places[v].column;
      const Vec value = load(record + places[v].record);
      for (int64_t k = 0; k < kAtOnce; ++k)
        sums[k] += value * load(from + k * width);
    }
    for (int64_t k = 0; k < kAtOnce; ++k) d[i + k] += sum_of(sums[k]);
  }
}

// So many rows of weights at a time go into all panels: their lines and pages
// stay in the caches while panel after panel takes its columns of them.
constexpr int64_t kPackedRows = 16;

// panels <- weights (depth, width), rows [begin, end), the columns of vector v
// at order(v). `begin` is even.
template <class Order>
void pack_panel(const Scalar* weights, int64_t begin, int64_t end,
                int64_t depth, int64_t width, int64_t units, int64_t vector,
                int64_t count, Order order, Element* panels) {
  Element* to =
      panels +
      (vector * elements_of(depth) + elements_of(begin) * count) * kLanes;
  for (int64_t i = begin; i < end; i += kPerElement)
    for (int64_t v = 0; v < count; ++v, to += kLanes) {
      const Column column = order(vector + v);
      store_joined(to, i, end, [&](int64_t row) {
        return load(weights + row * width + offset_of(column, units),
                    lanes_of(column, units));
      });
    }
}

// panels <- transpose of weights (columns, width): inner index i is lane
// i % lanes of vector i / lanes of order, outer index a row of weights.
template <class Order>
void pack_transposed_panel(const Scalar* weights, int64_t columns,
                           int64_t width, int64_t units, int64_t inner_vectors,
                           int64_t vector, int64_t count, Order order,
                           Element* panels) {
  constexpr int64_t kElements = kLanes / kPerElement;  // of a vector
  Element* panel = panels + vector * kLanes * inner_vectors * kElements;
  for (int64_t inner = 0; inner < inner_vectors; ++inner) {
    Column column = order(inner);
    int64_t lanes = lanes_of(column, units);
    Element* to = panel + inner * kElements * count * kLanes;
    for (int64_t j = 0; j < count * kLanes; ++j) {
      int64_t row = vector * kLanes + j;
      Vec values{};
      if (row < columns)
        values = load(weights + row * width + offset_of(column, units), lanes);
      const Parts parts = parts_of(values);
      for (int64_t i = 0; i < kElements; ++i)
        to[i * count * kLanes + j] = parts[i];
    }
  }
}

// Sums over pairs p of outer products: kDepth elements of them at a time, of
// the left side (m floats) whole, of the right side kSlab vectors, are copied
// into panels that stay in the second cache.
constexpr int64_t kDepth = 128, kSlab = 32;

template <int R, int N>
inline void outer_block(const Element* a, const Element* b, int64_t depth,
                        bool first, const int64_t* offsets,
                        const int64_t* lanes, Scalar* c, int64_t width) {
  Vec acc[R][N];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) acc[r][v] = Vec{};
  for (int64_t i = 0; i < depth; ++i) {
    decltype(load(b)) right[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) right[v] = load(b + (i * N + v) * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto left = splat(a[i * kRows + r]);
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) add_product(acc[r][v], left, right[v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) {
      Scalar* to = c + r * width + offsets[v];
      Vec sum = acc[r][v];
      if (!first) sum += load(to, lanes[v]);
      store(to, sum, lanes[v]);
    }
}

template <int N, int R = kRows>
void outer_rows(int64_t rows, const Element* a, const Element* b, int64_t depth,
                bool first, const int64_t* offsets, const int64_t* lanes,
                Scalar* c, int64_t width) {
  if (rows == R) {
    outer_block<R, N>(a, b, depth, first, offsets, lanes, c, width);
  } else if constexpr (R > 1) {
    outer_rows<N, R - 1>(rows, a, b, depth, first, offsets, lanes, c, width);
  }
}

// to <- a (`pairs` of m floats), kRows at a time.
inline void pack_left(const Scalar* const* a, int64_t m, int64_t pairs,
                      Element* to) {
  for (int64_t row = 0; row < m; row += kRows, to += kRows * kDepth) {
    const int64_t rows = min(kRows, m - row);
    if (kPerElement == 1 && rows == kRows) {
      for (int64_t i = 0; i < pairs; ++i)
        memcpy(to + i * kRows, a[i] + row, kRows * sizeof(Scalar));
    } else {
      for (int64_t i = 0; i < pairs; i += kPerElement)
        copy_joined(to + i / kPerElement * kRows, i, pairs, rows,
                    [&](int64_t pair) { return a[pair] + row; });
    }
  }
}

// to <- `count` <= kSlab vectors of b (`pairs`) from `offset` on, 4 at a time;
// their sums into `totals`.
inline void pack_right(const Scalar* const* b, int64_t offset, int64_t count,
                       int64_t pairs, Element* to, Vec* totals) {
  for (int64_t v = 0; v < count; ++v) totals[v] = Vec{};
  for (int64_t group = 0; group < count;
       group += 4, to += 4 * kDepth * kLanes) {
    const int64_t wide = min(4, count - group);
    Element* next = to;
    for (int64_t i = 0; i < pairs; i += kPerElement)
      for (int64_t v = group; v < group + wide; ++v, next += kLanes)
        store_joined(next, i, pairs, [&](int64_t pair) {
          const Vec value = load(b[pair] + offset + v * kLanes);
          totals[v] += value;
          return value;
        });
  }
}

// c (m, width) = or += left x right, as packed: `count` vectors from `vector`
// of `order` on. sums = or += totals.
template <class Order>
void add_outer_products(const Element* left, int64_t m, const Element* right,
                        int64_t vector, int64_t count, int64_t depth,
                        Order order, const Vec* totals, bool first,
                        int64_t units, int64_t width, Scalar* c, Scalar* sums) {
  for (int64_t group = 0; group < count; group += 4) {
    const int64_t wide = min(4, count - group);
    int64_t offsets[4], lanes[4];
    for (int64_t v = 0; v < wide; ++v) {
      Column column = order(vector + group + v);
      offsets[v] = offset_of(column, units);
      lanes[v] = lanes_of(column, units);
      if (sums == nullptr) continue;
      Scalar* to = sums + offsets[v];
      Vec sum = totals[group + v];
      if (!first) sum += load(to, lanes[v]);
      store(to, sum, lanes[v]);
    }
    for (int64_t row = 0; row < m; row += kRows) {
      const int64_t rows = min(kRows, m - row);
      const Element* a = left + row * kDepth;
      const Element* b = right + group * kDepth * kLanes;
      Scalar* to = c + row * width;
      if (wide == 4)
        outer_rows<4>(rows, a, b, depth, first, offsets, lanes, to, width);
      if (wide == 3)
        outer_rows<3>(rows, a, b, depth, first, offsets, lanes, to, width);
      if (wide == 2)
        outer_rows<2>(rows, a, b, depth, first, offsets, lanes, to, width);
      if (wide == 1)
        outer_rows<1>(rows, a, b, depth, first, offsets, lanes, to, width);
    }
  }
}

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
