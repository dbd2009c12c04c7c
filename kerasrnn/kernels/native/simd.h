// One vector of KERASRNN_LANES numbers and what the cells need of it. The file
// that includes this one sets their type, float or double, and how many they
// are, and is compiled with the flags of its instruction set; everything lies
// in a namespace of its own, so that no function compiled for one instruction
// set is linked into another.

#pragma once

#include <cstdint>
#include <cstring>
#include <iterator>
#include <type_traits>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace kerasrnn {
namespace KERASRNN_ISA {

constexpr int64_t kLanes = KERASRNN_LANES;
// Rows of a register block: with 4 vectors a row, the accumulators fill
// 24 of 32 registers, or 12 of 16.
constexpr int64_t kRows = KERASRNN_ROWS;

using Scalar = KERASRNN_SCALAR;
constexpr bool kIsFloat = sizeof(Scalar) == sizeof(float);
using Integer = std::conditional_t<kIsFloat, int32_t, int64_t>;

typedef Scalar Vec __attribute__((vector_size(sizeof(Scalar) * kLanes)));
typedef Integer Int __attribute__((vector_size(sizeof(Integer) * kLanes)));

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }

// x - 0 is x bit by bit, and no instruction.
inline Vec splat(Scalar value) { return value - Vec{}; }

inline Vec load(const Scalar* p) {
  Vec v;
  memcpy(&v, p, sizeof v);
  return v;
}
inline void store(Scalar* p, Vec v) { memcpy(p, &v, sizeof v); }

// The first n lanes; the others are zero, respectively left alone.
inline Vec load(const Scalar* p, int64_t n) {
  if (n >= kLanes) return load(p);
  Vec v{};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
inline void store(Scalar* p, Vec v, int64_t n) {
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

inline Scalar sum_of(Vec v) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; ++i) v[i] += v[i + half];
  return v[0];
}

inline Vec reciprocal(Vec x) {
#ifdef __AVX512F__
  if constexpr (kIsFloat) {
    // 14 bits, then one Newton step: a third of the time of a division.
    Vec y = (Vec)_mm512_maskz_rcp14_ps(-1, (__m512)x);
    return y * (2.0f - x * y);
  }
#endif
  return 1.0f / x;
}

// x between -limit and limit; NaN stays NaN.
inline Vec clamp(Vec x, Scalar limit) {
#ifdef __AVX512F__
  // One instruction each; of two operands they give the second if one is NaN.
  if constexpr (kIsFloat) {
    x = (Vec)_mm512_maskz_min_ps(-1, (__m512)splat(limit), (__m512)x);
    return (Vec)_mm512_maskz_max_ps(-1, (__m512)splat(-limit), (__m512)x);
  }
#endif
  x = x > limit ? splat(limit) : x;
  return x < -limit ? splat(-limit) : x;
}

// What exp needs to know of a type.
template <class T>
struct Exponential;

template <>
struct Exponential<float> {
  static constexpr int kFraction = 23, kBias = 127;  // of its bits
  // 1.5 * 2^23: the low bits of what is added to it count units.
  static constexpr float kRound = 12582912.0f;
  static constexpr float kLn2 = 0.693147180559945286f, kLn2Rest = 0.0f;
  // (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2, from Cephes expf.
  static constexpr float kTerms[] = {1.3981999507e-3f, 8.3334519073e-3f,
                                     4.1665795894e-2f, 1.6666665459e-1f,
                                     5.0000001201e-1f};
  // exp(-x) is in range; tanh(x / 2) is 1.
  static constexpr float kSigmoidLimit = 80.0f, kTanhLimit = 20.0f;
};

template <>
struct Exponential<double> {
  static constexpr int kFraction = 52, kBias = 1023;
  static constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52
  // The first has zeros at its end, so that its multiples are exact.
  static constexpr double kLn2 = 0x1.62e42fee00000p-1,
                          kLn2Rest = 0x1.a39ef35793c76p-33;
  // Taylor's; the first term of exp that is left out is below 1e-17.
  static constexpr double kTerms[] = {
      1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
      1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
      1.0 / 120,        1.0 / 24,        1.0 / 6,        1.0 / 2};
  static constexpr double kSigmoidLimit = 700.0, kTanhLimit = 40.0;
};

// exp(x) = scale (1 + q), q = exp(r) - 1 exact in the relative sense near 0.
// NaN passes through.
struct Exp {
  Vec scale, q;
};
inline Exp split_exp(Vec x, Scalar limit) {
  using Of = Exponential<Scalar>;
  x = clamp(x, limit);
  Vec shifted = x * Scalar(1.44269504088896341) + Of::kRound;
  Vec units = shifted - Of::kRound;
  Vec r = x - units * Of::kLn2;
  if constexpr (!kIsFloat) r -= units * Of::kLn2Rest;
  Vec p = splat(Of::kTerms[0]);
#pragma GCC unroll 16
  for (size_t i = 1; i < std::size(Of::kTerms); ++i) p = p * r + Of::kTerms[i];
  Int bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << Of::kFraction) + (Integer{Of::kBias} << Of::kFraction);
  Exp result;
  memcpy(&result.scale, &bits, sizeof bits);
  result.q = p * r * r + r;
  return result;
}

inline Vec sigmoid(Vec x) {
  Exp e = split_exp(-x, Exponential<Scalar>::kSigmoidLimit);
  return reciprocal(e.scale * e.q + (e.scale + 1.0f));
}

inline Vec tanh(Vec x) {
  Exp e = split_exp(x + x, Exponential<Scalar>::kTanhLimit);
  Vec exp_minus_1 = e.scale * e.q + (e.scale - 1.0f);
  return exp_minus_1 * reciprocal(exp_minus_1 + 2.0f);
}

}  // namespace KERASRNN_ISA
}  // namespace kerasrnn
