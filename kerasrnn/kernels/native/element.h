// What the two sides of a product are made of: numbers like all others, or, in
// the file that sets KERASRNN_BFLOAT16, pairs of bfloat16 of two consecutive
// inner indices, for which a processor has twice the multipliers. Sums, and all
// that is not a factor of a matrix product, are float32 there.
//
// Rounded to the nearest, ties to even; a value above 3.39e38 becomes infinite,
// NaN and infinities stay, and subnormal numbers count as zero, as everywhere
// in the kernel.

#pragma once

#include "simd.h"

namespace kerasrnn {
namespace KERASRNN_ISA {

#ifdef KERASRNN_BFLOAT16

// The first in the lower half.
struct Element {
  uint32_t bits;
};
// An Element in each lane.
struct Elements {
  __m512i bits;
};
constexpr int64_t kPerElement = 2;

inline Elements load(const Element* p) { return {_mm512_loadu_si512(p)}; }
inline void store(Element* p, Elements e) { _mm512_storeu_si512(p, e.bits); }
inline Elements splat(Element e) {
  return {_mm512_set1_epi32(static_cast<int>(e.bits))};
}
inline void add_product(Vec& sum, Elements a, Elements b) {
  sum = (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a.bits, (__m512bh)b.bits);
}

inline Vec load_some(const float* p, int64_t n) {
  const __mmask16 kept = n >= kLanes ? -1 : (1 << n) - 1;
  return (Vec)_mm512_maskz_loadu_ps(kept, p);
}

// One vector after the other.
inline Elements round_to_elements(Vec first, Vec second) {
  return {(__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first)};
}
// Each lane of `first` beside that of `second`.
inline Elements join(Vec first, Vec second) {
  alignas(64) static constexpr uint16_t kSideBySide[32] = {
      0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return {_mm512_permutexvar_epi16(_mm512_load_si512(kSideBySide),
                                   round_to_elements(first, second).bits)};
}

// to <- row i joined with row i + 1, zero if that is `end`.
template <class Row>
inline void store_joined(Element* to, int64_t i, int64_t end, const Row& row) {
  const Vec first = row(i);
  const Vec second = i + 1 < end ? row(i + 1) : Vec{};
  store(to, join(first, second));
}
// The same of `count` <= kLanes floats that row(i) points to. Writes a whole
// vector.
template <class Row>
inline void copy_joined(Element* to, int64_t i, int64_t end, int64_t count,
                        const Row& row) {
  store_joined(to, i, end, [&](int64_t k) { return load_some(row(k), count); });
}

// The elements of one vector.
struct Parts {
  Element elements[kLanes / kPerElement];
  Element operator[](int64_t i) const { return elements[i]; }
};
inline Parts parts_of(Vec v) {
  const __m256i rounded = (__m256i)_mm512_cvtneps_pbh((__m512)v);
  Parts parts;
  memcpy(&parts, &rounded, sizeof parts);
  return parts;
}

#else

using Element = Scalar;
constexpr int64_t kPerElement = 1;

inline void add_product(Vec& sum, Vec a, Vec b) { sum += a * b; }

template <class Row>
inline void store_joined(Element* to, int64_t i, int64_t, const Row& row) {
  store(to, row(i));
}
template <class Row>
inline void copy_joined(Element* to, int64_t i, int64_t, int64_t count,
                        const Row& row) {
  memcpy(to, row(i), count * sizeof(Scalar));
}

using Parts = Vec;
inline Parts parts_of(Vec v) { return v; }

#endif

constexpr int64_t elements_of(int64_t depth) {
  return (depth + kPerElement - 1) / kPerElement;
}

// Of so many packed vectors of columns.
constexpr int64_t panel_elements(int64_t vectors, int64_t depth) {
  return vectors * kLanes * elements_of(depth);
}

// The left side of a product: row r is `depth` elements from rows[r] + offset.
struct Left {
  const Element* const* rows;
  int64_t offset, depth;
};

// A packed right side, and where the task that multiplies by it rounds its left
// side to.
struct Panels {
  const Element* weights = nullptr;
  Element* rounded = nullptr;
  const Element** rounded_rows = nullptr;

  Panels operator+(int64_t elements) const {
    return {weights + elements, rounded, rounded_rows};
  }
};

#ifdef KERASRNN_BFLOAT16

// From one rounded row to the next: whole vectors.
inline int64_t rounded_stride(int64_t depth) {
  return ceil_div(depth, 2 * kLanes) * kLanes;
}

// Rows of `depth` floats from `offset` on, rounded; behind an odd depth, zero.
inline Left left_of(const float* const* a, int64_t offset, int64_t rows,
                    int64_t depth, const Panels& panels) {
  const int64_t stride = rounded_stride(depth);
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = a[row] + offset;
    Element* to = panels.rounded + row * stride;
    panels.rounded_rows[row] = to;
    int64_t i = 0;
    for (; i + 2 * kLanes <= depth; i += 2 * kLanes, to += kLanes)
      store(to, round_to_elements(load(from + i), load(from + i + kLanes)));
    if (i == depth) continue;
    const int64_t rest = depth - i;
    store(to, round_to_elements(load_some(from + i, rest),
                                load_some(from + min(i + kLanes, depth),
                                          max(rest - kLanes, 0))));
  }
  return {panels.rounded_rows, 0, elements_of(depth)};
}

#else

inline int64_t rounded_stride(int64_t) { return 0; }
inline Left left_of(const Scalar* const* a, int64_t offset, int64_t,
                    int64_t depth, const Panels&) {
  return {a, offset, depth};
}

#endif

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
