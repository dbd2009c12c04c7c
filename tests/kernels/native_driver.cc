// Runs the compiled kernel without TensorFlow, for the sanitizers: random
// configurations, every array allocated at its exact size, every instruction
// set that the machine has, one thread and several, and calls from several
// threads at once. All must give the same numbers.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "../../kerasrnn/kernels/native/problem.h"

namespace {

using kerasrnn::Family;
using Floats = std::vector<float>;

struct Case {
  Case(unsigned seed) : random(seed) {
    auto up_to = [&](int most) { return 1 + static_cast<int>(random() % most); };
    family = static_cast<Family>(seed % 5);
    batch = up_to(20), steps = up_to(9), features = up_to(40), units = up_to(80);
    const int64_t gates = family == Family::kLstm ? 4
                          : family < Family::kLstm ? 1
                                                   : 3;
    const int64_t biases = family == Family::kGruResetAfter ? 2 : 1;
    x = floats(batch * steps * features);
    h0 = floats(batch * units);
    c0 = floats(batch * units);
    kernel = floats(features * gates * units);
    recurrent = floats(units * gates * units);
    bias = floats(random() % 4 == 0 ? 0 : biases * gates * units);
    d_y = floats(batch * steps * units);
    mask.resize(random() % 3 == 0 ? 0 : batch * steps);
    for (auto& valid : mask) valid = random() % 3 != 0;
    go_backwards = random() % 2;
    zero_output_for_mask = random() % 2;
    sequences = random() % 2;
  }

  Floats floats(int64_t count) {
    std::normal_distribution<float> normal(0.0f, 0.5f);
    Floats values(count);
    for (float& value : values) value = normal(random);
    return values;
  }

  // Everything that forward and backward give, one after the other.
  Floats run(const kerasrnn::Kernels& kernels, int threads) const {
    std::vector<int64_t> rows(batch), begin;
    for (int64_t b = 0; b < batch; ++b) rows[b] = (b * 7 + 3) % batch;
    if (batch % 7 == 0)
      for (int64_t b = 0; b < batch; ++b) rows[b] = b;
    for (int64_t task = 0; task <= threads; ++task)
      begin.push_back(batch * task / threads);
    kerasrnn::Problem p{};
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
    p.rows = rows.data(), p.begin = begin.data(), p.tasks = threads;

    const bool lstm = family == Family::kLstm;
    Floats last(batch * units), outputs(batch * steps * units);
    Floats h(batch * units), c(lstm ? batch * units : 0), inference = last;
    Floats records(batch * steps * kernels.record_floats(p));
    kerasrnn::Forward f{inference.data(), nullptr, h.data(),
                        lstm ? c.data() : nullptr, nullptr};
    bool done = kernels.forward(p, f);
    f.last_output = last.data(), f.outputs = outputs.data();
    f.residuals = records.data();
    done = done && kernels.forward(p, f) && last == inference;

    Floats d_x(x.size()), d_h0(h0.size()), d_c0(lstm ? c0.size() : 0);
    Floats d_kernel(kernel.size()), d_recurrent(recurrent.size());
    Floats d_bias(bias.size());
    kerasrnn::Backward g{};
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
      std::fprintf(stderr, "a call failed, or training differs from inference\n");
      std::exit(1);
    }
    Floats all;
    for (const Floats* part : {&last, &outputs, &h, &c, &d_x, &d_h0, &d_c0,
                               &d_kernel, &d_recurrent, &d_bias})
      all.insert(all.end(), part->begin(), part->end());
    return all;
  }

  std::mt19937 random;
  Family family;
  int64_t batch, steps, features, units;
  Floats x, h0, c0, kernel, recurrent, bias, d_y;
  std::vector<uint8_t> mask;
  bool go_backwards, zero_output_for_mask, sequences;
};

void expect(bool equal, unsigned seed, const char* what) {
  if (equal) return;
  std::fprintf(stderr, "case %u: %s differs\n", seed, what);
  std::exit(1);
}

std::vector<const kerasrnn::Kernels*> kernels_here() {
  std::vector<const kerasrnn::Kernels*> all = {&kerasrnn::kBaseline};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    all.push_back(&kerasrnn::kAvx2);
  if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw"))
    all.push_back(&kerasrnn::kAvx512);
#endif
  return all;
}

void check(unsigned seed) {
  Case one(seed);
  Floats first;
  for (const kerasrnn::Kernels* kernels : kernels_here()) {
    Floats values = one.run(*kernels, 1);
    expect(values == one.run(*kernels, 3), seed, "three threads");
    if (first.empty()) first = values;
    float largest = 0.0f, difference = 0.0f;
    for (size_t i = 0; i < values.size(); ++i) {
      largest = std::fmax(largest, std::fabs(first[i]));
      difference = std::fmax(difference, std::fabs(values[i] - first[i]));
    }
    expect(difference <= 2e-5f * largest, seed, kernels->name);
  }
}

}  // namespace

int main(int, char** arguments) {
  const unsigned cases = std::atoi(arguments[1]);
  for (unsigned seed = 0; seed < cases; ++seed) check(seed);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i)
    threads.emplace_back([=] {
      for (unsigned seed = i; seed < cases; seed += 4) check(seed);
    });
  for (std::thread& thread : threads) thread.join();
  std::printf("no difference in %u cases\n", cases);
  std::fflush(stdout);
  std::_Exit(0);  // the pool's threads are never joined
}
