// Runs the compiled kernel without TensorFlow, for the sanitizers: random
// configurations, every array allocated at its exact size and full of NaN where
// the kernel is to write, every instruction set that the machine has, one
// thread and several, and calls from several threads at once. All must give the
// same numbers, but for what bfloat16 rounds.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <random>
#include <thread>
#include <type_traits>
#include <vector>

#include "../../kerasrnn/kernels/native/problem.h"

namespace {

using kerasrnn::Family;

// Arrays begin with a line of the cache, as those of frameworks do.
template <class T>
struct OnLines {
  using value_type = T;
  OnLines() = default;
  template <class Other>
  OnLines(const OnLines<Other>&) {}
  T* allocate(size_t count) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, count * sizeof(T)) != 0)
      throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t) { free(memory); }
  bool operator==(const OnLines&) const { return true; }
  bool operator!=(const OnLines&) const { return false; }
};

// What is special about a case; each family meets all of them in turn.
enum Kind {
  kLarge,  // several blocks of pairs, and several slabs of columns
  kOrdinary,
  kOneUnit,
  kOneFeature,
  kNoRows,
  kNoSteps,
  kNoFeatures,
  kAllMasked,
  kMoreTasksThanRows,
  kWholeBlocks,
  kOneRow,
  kKinds
};
constexpr unsigned kFamilies = 5;

// T is float or double.
template <class T>
struct Case {
  using Numbers = std::vector<T, OnLines<T>>;

  explicit Case(unsigned seed) : random(seed) {
    auto up_to = [&](int most) {
      return 1 + static_cast<int>(random() % most);
    };
    family = static_cast<Family>(seed % kFamilies);
    const unsigned kind = seed / kFamilies % kKinds;
    batch = up_to(20), steps = up_to(9), features = up_to(40),
    units = up_to(80);
    if (kind == kLarge) {
      batch = 15 + up_to(8), steps = 15 + up_to(5);
      features = 30 + up_to(40), units = 125 + up_to(25);
    }
    if (kind == kOneUnit) units = 1;
    if (kind == kOneFeature) features = 1;
    if (kind == kNoRows) batch = 0;
    if (kind == kNoSteps) steps = 0;
    if (kind == kNoFeatures) features = 0;
    if (kind == kMoreTasksThanRows) batch = up_to(3);
    if (kind == kWholeBlocks) features = 16 * up_to(3), units = 16 * up_to(5);
    if (kind == kOneRow) batch = 1, units = 16 * up_to(5);
    const int64_t gates = family == Family::kLstm  ? 4
                          : family < Family::kLstm ? 1
                                                   : 3;
    const int64_t biases = family == Family::kGruResetAfter ? 2 : 1;
    x = numbers(batch * steps * features);
    h0 = numbers(batch * units);
    c0 = numbers(batch * units);
    kernel = numbers(features * gates * units);
    // No larger, or rounding errors grow from step to step.
    recurrent = numbers(units * gates * units, 1 / std::sqrt(T(units)));
    bias = numbers(random() % 4 == 0 ? 0 : biases * gates * units);
    d_y = numbers(batch * steps * units);
    mask.resize(random() % 3 == 0 ? 0 : batch * steps);
    for (auto& valid : mask) valid = random() % 3 != 0;
    if (kind == kAllMasked) mask.assign(batch * steps, 0);
    go_backwards = random() % 2;
    zero_output_for_mask = random() % 2;
    sequences = random() % 2;
  }

  Numbers numbers(int64_t count, T deviation = T(0.5)) {
    std::normal_distribution<T> normal(0, deviation);
    Numbers values = unwritten(count);
    for (T& value : values) value = normal(random);
    return values;
  }

  // For the kernel to write: what it leaves out stays NaN and equals nothing.
  // An empty array has an address too.
  static Numbers unwritten(int64_t count) {
    Numbers values;
    values.reserve(std::max<int64_t>(count, 1));
    values.resize(count, std::numeric_limits<T>::quiet_NaN());
    return values;
  }

  // Everything that forward and backward give, one after the other.
  Numbers run(const kerasrnn::Kernels<T>& kernels, int threads, int tasks,
              int pieces = 1) const {
    std::vector<int64_t> rows(batch), begin;
    for (int64_t b = 0; b < batch; ++b) rows[b] = (b * 7 + 3) % batch;
    if (batch % 7 == 0)
      for (int64_t b = 0; b < batch; ++b) rows[b] = b;
    for (int64_t task = 0; task <= tasks; ++task)
      begin.push_back(batch * task / tasks);
    kerasrnn::Problem<T> p{};
    p.family = family;
    p.batch = batch, p.steps = steps, p.features = features, p.units = units;
    p.x = x.data(), p.h0 = h0.data();
    p.c0 = family == Family::kLstm ? c0.data() : nullptr;
    p.kernel = kernel.data(), p.recurrent = recurrent.data();
    p.bias = bias.empty() ? nullptr : bias.data();
    p.mask = mask.empty() ? nullptr : mask.data();
    p.go_backwards = go_backwards;
    p.zero_output_for_mask = zero_output_for_mask;
    p.threads = threads;
    p.rows = rows.data(), p.begin = begin.data(), p.tasks = tasks;
    p.pieces = pieces;

    const bool lstm = family == Family::kLstm;
    Numbers last = unwritten(batch * units), inference = last, h = last;
    Numbers c = unwritten(lstm ? batch * units : 0);
    Numbers outputs = unwritten(batch * steps * units);
    Numbers records = unwritten(batch * steps * kernels.record_floats(p));
    kerasrnn::Forward<T> f{inference.data(), nullptr, h.data(),
                           lstm ? c.data() : nullptr, nullptr};
    bool done = kernels.forward(p, f);
    f.last_output = last.data(), f.outputs = outputs.data();
    f.residuals = records.data();
    done = done && kernels.forward(p, f) && last == inference;

    Numbers d_x = unwritten(x.size()), d_h0 = unwritten(h0.size());
    Numbers d_c0 = unwritten(lstm ? c0.size() : 0);
    Numbers d_kernel = unwritten(kernel.size());
    Numbers d_recurrent = unwritten(recurrent.size());
    Numbers d_bias = unwritten(bias.size());
    kerasrnn::Backward<T> g{};
    g.outputs = outputs.data(), g.d_last = h0.data();
    g.d_outputs = sequences ? d_y.data() : nullptr;
    g.d_h = c0.data(), g.d_c = lstm ? h0.data() : nullptr;
    g.records = records.data();
    g.d_h0 = d_h0.data(), g.d_c0 = lstm ? d_c0.data() : nullptr;
    g.d_kernel = d_kernel.data(), g.d_recurrent = d_recurrent.data();
    g.d_bias = bias.empty() ? nullptr : d_bias.data();
    done = done && kernels.backward(p, g) &&
           kernels.input_gradient(p, records.data(), d_x.data());
    if (!done) {
      std::fprintf(stderr,
                   "a call failed, or training differs from inference\n");
      std::exit(1);
    }
    Numbers all;
    for (const Numbers* part : {&last, &outputs, &h, &c, &d_x, &d_h0, &d_c0,
                                &d_kernel, &d_recurrent, &d_bias})
      all.insert(all.end(), part->begin(), part->end());
    return all;
  }

  std::mt19937 random;
  Family family;
  int64_t batch, steps, features, units;
  Numbers x, h0, c0, kernel, recurrent, bias, d_y;
  std::vector<uint8_t> mask;
  bool go_backwards, zero_output_for_mask, sequences;
};

void expect(bool equal, unsigned seed, const char* what) {
  if (equal) return;
  std::fprintf(stderr, "case %u: %s differs\n", seed, what);
  std::exit(1);
}

// What rounding may make of the largest number.
template <class T>
constexpr T kTolerance = std::is_same_v<T, float> ? T(2e-5) : T(1e-13);

// How far from those of the baseline results may be, of the largest.
template <class T>
T tolerance_of([[maybe_unused]] const kerasrnn::Kernels<T>* kernels,
               [[maybe_unused]] Family family) {
#ifdef __x86_64__
  // A gradient of relu is there or not, by the sign of a rounded number.
  if constexpr (std::is_same_v<T, float>)
    if (kernels == kerasrnn::kAvx512Bfloat16)
      return family == Family::kSimpleRelu ? 0.5f : 1e-2f;
#endif
  return kTolerance<T>;
}

bool has_avx2() {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

// All that run on this machine, the baseline first.
template <class T>
std::vector<const kerasrnn::Kernels<T>*> kernels_here();

template <>
std::vector<const kerasrnn::Kernels<float>*> kernels_here() {
  std::vector<const kerasrnn::Kernels<float>*> all = {&kerasrnn::kBaseline};
#ifdef __x86_64__
  if (has_avx2()) all.push_back(&kerasrnn::kAvx2);
  if (__builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    all.push_back(&kerasrnn::kAvx512);
  if (__builtin_cpu_supports("avx512bf16") &&
      kerasrnn::kAvx512Bfloat16 != nullptr)
    all.push_back(kerasrnn::kAvx512Bfloat16);
#endif
  return all;
}

template <>
std::vector<const kerasrnn::Kernels<double>*> kernels_here() {
  std::vector<const kerasrnn::Kernels<double>*> all = {
      &kerasrnn::kBaselineDouble};
#ifdef __x86_64__
  if (has_avx2()) all.push_back(&kerasrnn::kAvx2Double);
#endif
  return all;
}

template <class T>
void check_alone(unsigned seed) {
  const Case<T> one(seed);
  typename Case<T>::Numbers first;
  for (const kerasrnn::Kernels<T>* kernels : kernels_here<T>()) {
    const auto values = one.run(*kernels, 1, 1);
    expect(values == one.run(*kernels, 3, 3), seed, "three threads");
    expect(values == one.run(*kernels, 2, 7), seed, "two threads, seven tasks");
    expect(values == one.run(*kernels, 3, 1, 2), seed, "a team of two");
    expect(values == one.run(*kernels, 5, 1, 5), seed, "a team of five");
    if (first.empty()) first = values;
    T largest = 0, difference = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      largest = std::max(largest, std::fabs(first[i]));
      difference = std::max(difference, std::fabs(values[i] - first[i]));
    }
    expect(difference <= tolerance_of<T>(kernels, one.family) * largest, seed,
           kernels->name);
  }
  // The kernel takes subnormal numbers for zero; its caller must not.
  volatile T subnormal = std::numeric_limits<T>::denorm_min();
  expect(subnormal * 3 > 0, seed, "the caller's arithmetic");
}

template <class T>
void check_beside_others(unsigned seed) {
  const Case<T> one(seed);
  const auto all = kernels_here<T>();
  const kerasrnn::Kernels<T>& kernels = *all[seed % all.size()];
  expect(one.run(kernels, 1, 1) == one.run(kernels, 3, 4), seed,
         "a call beside others");
  expect(one.run(kernels, 1, 1) == one.run(kernels, 4, 1, 4), seed,
         "a team beside others");
}

}  // namespace

int main(int, char** arguments) {
  const unsigned cases = std::atoi(arguments[1]);
  for (unsigned seed = 0; seed < cases; ++seed) {
    check_alone<float>(seed);
    check_alone<double>(seed);
  }
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i)
    threads.emplace_back([=] {
      for (unsigned seed = i; seed < cases; seed += 4) {
        check_beside_others<float>(seed);
        check_beside_others<double>(seed);
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::printf("no difference in %u cases\n", cases);
  std::fflush(stdout);
  std::_Exit(0);  // the pool's threads are never joined
}
