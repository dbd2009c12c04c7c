// One vector of KERASRNN_LANES floats and what the cells need of it. The file
// that includes this one sets the width and is compiled with the flags of its
// instruction set; everything lies in a namespace of its own, so that no
// function compiled for one instruction set is linked into another.

#pragma once

#include <cstdint>
#include <cstring>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace kerasrnn {
namespace KERASRNN_ISA {

constexpr int64_t kLanes = KERASRNN_LANES;
// Rows of a register block: with 4 vectors a row, the accumulators fill
// 24 of 32 registers, or 12 of 16.
constexpr int64_t kRows = KERASRNN_ROWS;

typedef float Vec __attribute__((vector_size(4 * KERASRNN_LANES)));
typedef int32_t Int __attribute__((vector_size(4 * KERASRNN_LANES)));

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }

// x - 0 is x bit by bit, and no instruction.
inline Vec splat(float value) { return value - Vec{}; }

inline Vec load(const float* p) {
  Vec v;
  memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vec v) { memcpy(p, &v, sizeof v); }

// The first n lanes; the others are zero, respectively left alone.
inline Vec load(const float* p, int64_t n) {
  if (n >= kLanes) return load(p);
  Vec v{};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
inline void store(float* p, Vec v, int64_t n) {
  if (n >= kLanes) {
    store(p, v);
  } else {
    for (int64_t i = 0; i < n; ++i) p[i] = v[i];
  }
}
// Lanes from n on become zero, whatever they hold (NaN too).
inline Vec keep(Vec v, int64_t n) {
  if (n >= kLanes) return v;
  for (int64_t i = n; i < kLanes; ++i) v[i] = 0.0f;
  return v;
}

inline float sum_of(Vec v) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; ++i) v[i] += v[i + half];
  return v[0];
}

inline Vec reciprocal(Vec x) {
#ifdef __AVX512F__
  // 14 bits, then one Newton step: a third of the time of a division.
  Vec y = (Vec)_mm512_maskz_rcp14_ps(-1, (__m512)x);
  return y * (2.0f - x * y);
#else
  return 1.0f / x;
#endif
}

// x between -limit and limit; NaN stays NaN.
inline Vec clamp(Vec x, float limit) {
#ifdef __AVX512F__
  // One instruction each; of two operands they give the second if one is NaN.
  x = (Vec)_mm512_maskz_min_ps(-1, (__m512)splat(limit), (__m512)x);
  return (Vec)_mm512_maskz_max_ps(-1, (__m512)splat(-limit), (__m512)x);
#else
  x = x > limit ? splat(limit) : x;
  return x < -limit ? splat(-limit) : x;
#endif
}

// exp(x) = scale (1 + q), q = exp(r) - 1 exact in the relative sense near 0.
// Coefficients: Cephes expf. NaN passes through.
struct Exp {
  Vec scale, q;
};
inline Exp split_exp(Vec x, float limit) {
  x = clamp(x, limit);
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: its low bits count units
  Vec shifted = x * 1.44269504088896341f + kRound;
  Vec r = x - (shifted - kRound) * 0.693147180559945286f;
  Vec p = r * 1.3981999507e-3f + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  Int bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + (127 << 23);
  Exp result;
  memcpy(&result.scale, &bits, sizeof bits);
  result.q = p * r * r + r;
  return result;
}

inline Vec sigmoid(Vec x) {
  Exp e = split_exp(-x, 80.0f);
  return reciprocal(e.scale * e.q + (e.scale + 1.0f));
}

inline Vec tanh(Vec x) {
  Exp e = split_exp(x + x, 20.0f);
  Vec exp_minus_1 = e.scale * e.q + (e.scale - 1.0f);
  return exp_minus_1 * reciprocal(exp_minus_1 + 2.0f);
}

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
