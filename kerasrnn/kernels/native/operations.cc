#include "operations.h"

#include <algorithm>
#include <cstring>
#include <exception>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "team.h"

namespace kerasrnn {

namespace {

constexpr Instructions kAnyCpu = {&kBaseline, &kBaselineDouble};
#ifdef __x86_64__
constexpr Instructions kWithAvx2 = {&kAvx2, &kAvx2Double};
constexpr Instructions kWithAvx512 = {&kAvx512, &kAvx2Double};

// AMD's processors multiply twice as many pairs of bfloat16 as floats in the
// same time, Intel's (Sapphire Rapids) no more than floats outside of AMX.
bool gains_by_bfloat16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAvx512Bf16 = 1 << 5;  // of leaf 7, part 1
  return __builtin_cpu_is("amd") && __get_cpuid_count(7, 1, &a, &b, &c, &d) &&
         (a & kAvx512Bf16) != 0;
}
#endif

}  // namespace

Instructions best_instructions() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    return kWithAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return kWithAvx2;
#endif
  return kAnyCpu;
}

bool set_family(Attributes& attributes, const char* name) {
  for (const Named& named : kFamilies)
    if (strcmp(name, named.name) == 0) {
      attributes.family = named.family;
      return true;
    }
  return false;
}

void set_instructions(Attributes& attributes, const char* name) {
  attributes.instructions = best_instructions();
  if (strcmp(name, "baseline") == 0) attributes.instructions = kAnyCpu;
#ifdef __x86_64__
  if (attributes.instructions.of_float != &kAvx512) return;
  if (strcmp(name, "avx2") == 0) attributes.instructions = kWithAvx2;
  if (strcmp(name, "bfloat16") == 0 && kAvx512Bfloat16 != nullptr &&
      gains_by_bfloat16())
    attributes.instructions.of_float = kAvx512Bfloat16;
#endif
}

// ------------------------------------------------------------------- arrays

namespace {

// More than any memory holds, few enough that their bytes can be counted.
constexpr int64_t kMostFloats = INT64_MAX / 1024;
// Of every operation's inputs.
constexpr int kKernel = 3;

}  // namespace

void Call::fail(Failure failure, const std::string& message) {
  if (!ok()) return;
  failed();
  report(failure, ("kerasrnn: " + message).c_str());
}

// Takes no memory itself.
void Call::out_of_memory() {
  if (!ok()) return;
  failed();
  report(Failure::kNoMemory, "kerasrnn: no memory for the compiled kernel.");
}

const char* to_string(Type type) {
  switch (type) {
    case Type::kFloat:
      return "float32";
    case Type::kDouble:
      return "float64";
    case Type::kBool:
      return "boolean";
    default:
      return "another type";
  }
}

Type Call::type() {
  Array array;
  if (!get(kKernel, &array)) return Type::kOther;
  if (array.type == Type::kFloat || array.type == Type::kDouble)
    return array.type;
  fail(Failure::kInvalid,
       std::string("`kernel` must be float32 or float64; got ") +
           to_string(array.type) + ".");
  return Type::kOther;
}

int64_t Call::rows(int index, const char* name) {
  Array array;
  if (!get(index, &array)) return -1;
  if (array.shape.size() == 2) return array.shape[0];
  fail(Failure::kInvalid, std::string("`") + name +
                              "` must have rank 2; got the shape " +
                              to_string(array.shape) + ".");
  return -1;
}

bool Call::rows_and_steps(int index, const char* name, int64_t* rows,
                          int64_t* steps) {
  Array array;
  if (!get(index, &array)) return false;
  if (array.shape.size() != 3) {
    fail(Failure::kInvalid, std::string("`") + name +
                                "` must have rank 3; got the shape " +
                                to_string(array.shape) + ".");
    return false;
  }
  *rows = array.shape[0];
  *steps = array.shape[1];
  return true;
}

void Call::no_input(int index, const char* name) {
  Array array;
  if (!get(index, &array)) return;
  if (std::count(array.shape.begin(), array.shape.end(), 0) > 0) return;
  fail(Failure::kInvalid, std::string("`") + name +
                              "` must be empty for this cell; got the shape " +
                              to_string(array.shape) + ".");
}

bool Call::can_be(Shape shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    if (__builtin_mul_overflow(count, size, &count) || count > kMostFloats) {
      fail(Failure::kInvalid, "an output would have too many elements.");
      return false;
    }
  return true;
}

void* Call::new_output(int index, Shape shape, Type type) {
  bool reused = false;
  if (!ok() || !can_be(shape)) return nullptr;
  return output_array(index, type, shape, -1, &reused);
}

void* Call::output_from(int index, int input, const char* name, int64_t count,
                        Type type, size_t element_bytes) {
  Array array;
  if (!get(input, &array) || !fits(array, name, {count}, false, type))
    return nullptr;
  release_input(input);
  bool reused = false;
  void* to = output_array(index, type, {count}, input, &reused);
  if (!ok() || reused) return to;
  const void* from = data(input, name, {count}, false, type);
  if (!ok() || count == 0) return to;
  prefer_large_pages(to, count * element_bytes);
  memcpy(to, from, count * element_bytes);
  return to;
}

const void* Call::data(int index, const char* name, Shape shape, bool optional,
                       Type type) {
  Array array;
  if (!get(index, &array)) return nullptr;
  return fits(array, name, shape, optional, type) ? array.data : nullptr;
}

// Whether there is an array of that type and shape. An optional one may have
// no elements.
bool Call::fits(const Array& array, const char* name, Shape shape,
                bool optional, Type type) {
  if (array.type != type) {
    fail(Failure::kInvalid,
         std::string("`") + name + "` must be " + to_string(type) +
             (type == Type::kBool ? "" : ", as `kernel` is") + "; got " +
             to_string(array.type) + ".");
    return false;
  }
  if (array.shape.size() == shape.size() &&
      std::equal(array.shape.begin(), array.shape.end(), shape.begin()))
    return true;
  if (optional && array.shape == std::vector<int64_t>{0}) return false;
  fail(Failure::kInvalid, std::string("`") + name + "` must have the shape " +
                              to_string(shape) + "; got " +
                              to_string(array.shape) + ".");
  return false;
}

// --------------------------------------------------------------------- work

namespace {

int64_t gates_of(Family family) {
  switch (family) {
    case Family::kLstm:
      return 4;
    case Family::kGru:
    case Family::kGruResetAfter:
      return 3;
    default:
      return 1;
  }
}

// Rows of one task: enough to reuse a panel of weights, few enough that their
// states stay in the cache.
constexpr int64_t kTaskRows = 96;
// No machine gains by more, and each has memory of its own.
constexpr int kMostThreads = 256;
// Below this many floating-point operations a helping thread wakes too late.
constexpr int64_t kWorthThreads = 4000000;
// Below this many recurrent weights, threads wait longer for each other than
// they work at a step.
constexpr int64_t kWorthPiece = 32768;

// Whether some product of sizes may not fit into 64 bits. What has memory is
// far smaller; but arrays without elements may be of any size in the other
// directions.
template <class T>
bool is_too_large(const Problem<T>& p) {
  const double pairs = (p.batch + 1.0) * (p.steps + 1.0);
  const double widest = p.features + 8.0 * (p.units + 64.0);
  // Packed whole, and 128 rows of them for each thread.
  const double weights = widest * (p.units + 128.0 * kMostThreads);
  return pairs * widest > kMostFloats || weights > kMostFloats;
}

// A problem with its rows dealt to tasks: longest first, to and fro, so that
// tasks of a masked batch are of one size.
template <class T>
class Work {
 public:
  explicit Work(const Attributes& attributes) {
    problem.family = attributes.family;
    problem.go_backwards = attributes.go_backwards;
    problem.zero_output_for_mask = attributes.zero_output_for_mask;
    problem.threads = std::min(attributes.threads, kMostThreads);
  }

  // Inputs 0 to 6 of every operation. The weights say what size the others
  // must have.
  bool read(Call& call) {
    Problem<T>& p = problem;
    const bool lstm = p.family == Family::kLstm;
    if (!call.rows_and_steps(0, "sequences", &p.batch, &p.steps)) return false;
    p.features = call.rows(kKernel, "kernel");
    p.units = call.rows(4, "recurrent_kernel");
    if (!call.ok()) return false;
    if (p.units == 0) {
      call.fail(Failure::kInvalid,
                "`recurrent_kernel` must have at least one row; got none.");
      return false;
    }
    if (is_too_large(p)) {
      call.fail(Failure::kInvalid,
                "`sequences` of the shape " +
                    to_string(Shape{p.batch, p.steps, p.features}) + " and " +
                    std::to_string(p.units) + " units are too large.");
      return false;
    }
    const int64_t width = gates_of(p.family) * p.units;
    p.kernel = call.input<T>(kKernel, "kernel", {p.features, width});
    p.recurrent = call.input<T>(4, "recurrent_kernel", {p.units, width});
    p.bias = p.family == Family::kGruResetAfter
                 ? call.optional_input<T>(5, "bias", {2, width})
                 : call.optional_input<T>(5, "bias", {width});
    p.x = call.input<T>(0, "sequences", {p.batch, p.steps, p.features});
    p.h0 = call.input<T>(1, "initial_state[0]", {p.batch, p.units});
    if (lstm) {
      p.c0 = call.input<T>(2, "initial_state[1]", {p.batch, p.units});
    } else {
      call.no_input(2, "initial_state[1]");
    }
    p.mask = call.optional_input<uint8_t>(6, "mask", {p.batch, p.steps});
    if (call.ok()) deal();
    return call.ok();
  }

  Problem<T> problem{};

 private:
  void deal() {
    Problem<T>& p = problem;
    const double flops = 2.0 * p.batch * p.steps * (p.features + p.units) *
                         gates_of(p.family) * p.units;
    if (flops < kWorthThreads) p.threads = 1;
    const int64_t rounds =
        (p.batch + p.threads * kTaskRows - 1) / (p.threads * kTaskRows);
    p.tasks = std::min(p.batch, p.threads * rounds);
    const int64_t weights = p.units * gates_of(p.family) * p.units;
    p.pieces = p.tasks != 1
                   ? 1
                   : std::clamp<int64_t>(
                         std::min<int64_t>(p.threads, weights / kWorthPiece), 1,
                         kMostPieces);
    rows_.resize(p.batch);
    for (int64_t b = 0; b < p.batch; ++b) rows_[b] = b;
    begin_.resize(p.tasks + 1);
    for (int64_t task = 0; task <= p.tasks; ++task)
      begin_[task] = p.tasks == 0 ? 0 : p.batch * task / p.tasks;
    if (p.mask != nullptr && p.tasks > 1) deal_by_length();
    p.rows = rows_.data();
    p.begin = begin_.data();
  }

  void deal_by_length() {
    const Problem<T>& p = problem;
    std::vector<int64_t> length(p.batch);
    for (int64_t b = 0; b < p.batch; ++b)
      length[b] =
          std::count_if(p.mask + b * p.steps, p.mask + (b + 1) * p.steps,
                        [](uint8_t valid) { return valid != 0; });
    std::vector<int64_t> longest = rows_;
    std::stable_sort(longest.begin(), longest.end(), [&](int64_t a, int64_t b) {
      return length[a] > length[b];
    });
    std::vector<std::vector<int64_t>> dealt(p.tasks);
    for (int64_t i = 0; i < p.batch; ++i) {
      const int64_t round = i / p.tasks, place = i % p.tasks;
      dealt[round % 2 == 0 ? place : p.tasks - 1 - place].push_back(longest[i]);
    }
    rows_.clear();
    for (int64_t task = 0; task < p.tasks; ++task) {
      begin_[task] = rows_.size();
      rows_.insert(rows_.end(), dealt[task].begin(), dealt[task].end());
    }
    begin_[p.tasks] = rows_.size();
  }

  std::vector<int64_t> rows_, begin_;
};

}  // namespace

// --------------------------------------------------------------- operations

namespace {

template <class T>
void forward_in(const Attributes& attributes, Call& call) {
  Work<T> work(attributes);
  if (!work.read(call)) return;
  const Problem<T>& p = work.problem;
  const Kernels<T>& kernels = attributes.instructions.of<T>();
  const bool lstm = p.family == Family::kLstm;
  const bool outputs = attributes.return_sequences || attributes.keep_residuals;
  const int64_t residuals = p.batch * p.steps * kernels.record_floats(p);
  Forward<T> f{};
  f.last_output = call.output<T>(0, {p.batch, p.units});
  f.outputs = outputs ? call.output<T>(1, {p.batch, p.steps, p.units})
                      : call.no_output<T>(1, {0});
  f.h = call.output<T>(2, {p.batch, p.units});
  f.c = lstm ? call.output<T>(3, {p.batch, p.units})
             : call.no_output<T>(3, {0, 0});
  f.residuals = attributes.keep_residuals ? call.output<T>(4, {residuals})
                                          : call.no_output<T>(4, {0});
  if (!call.ok()) return;
  if (f.residuals != nullptr)
    prefer_large_pages(f.residuals, residuals * sizeof(T));
  if (!kernels.forward(p, f)) call.out_of_memory();
}

template <class T>
void backward_in(const Attributes& attributes, Call& call) {
  Work<T> work(attributes);
  if (!work.read(call)) return;
  const Problem<T>& p = work.problem;
  const Kernels<T>& kernels = attributes.instructions.of<T>();
  const bool lstm = p.family == Family::kLstm;
  const int64_t width = gates_of(p.family) * p.units;
  const int64_t residuals = p.batch * p.steps * kernels.record_floats(p);
  Backward<T> g{};
  g.outputs = call.input<T>(7, "outputs", {p.batch, p.steps, p.units});
  g.d_last = call.input<T>(9, "d_last_output", {p.batch, p.units});
  g.d_outputs =
      call.optional_input<T>(10, "d_outputs", {p.batch, p.steps, p.units});
  g.d_h = call.input<T>(11, "d_h", {p.batch, p.units});
  if (lstm) {
    g.d_c = call.input<T>(12, "d_c", {p.batch, p.units});
  } else {
    call.no_input(12, "d_c");
  }
  g.d_h0 = call.output<T>(0, {p.batch, p.units});
  g.d_c0 = lstm ? call.output<T>(1, {p.batch, p.units})
                : call.no_output<T>(1, {0, 0});
  g.d_kernel = call.output<T>(2, {p.features, width});
  g.d_recurrent = call.output<T>(3, {p.units, width});
  if (p.bias == nullptr) {
    call.no_output<T>(4, {0});
  } else if (p.family == Family::kGruResetAfter) {
    g.d_bias = call.output<T>(4, {2, width});
  } else {
    g.d_bias = call.output<T>(4, {width});
  }
  g.records = call.output_in_place<T>(5, 8, "residuals", residuals);
  if (call.ok() && !kernels.backward(p, g)) call.out_of_memory();
}

template <class T>
void input_gradient_in(const Attributes& attributes, Call& call) {
  Work<T> work(attributes);
  if (!work.read(call)) return;
  const Problem<T>& p = work.problem;
  const Kernels<T>& kernels = attributes.instructions.of<T>();
  const T* records = call.input<T>(
      7, "records", {p.batch * p.steps * kernels.record_floats(p)});
  T* d_x = call.output<T>(0, {p.batch, p.steps, p.features});
  if (call.ok() && !kernels.input_gradient(p, records, d_x))
    call.out_of_memory();
}

// compute(T()) for the type T of the weights.
template <class Compute>
void for_type(Call& call, const Compute& compute) {
  const Type type = call.type();
  if (type == Type::kFloat) compute(float());
  if (type == Type::kDouble) compute(double());
}

}  // namespace

void forward(const Attributes& attributes, Call& call) {
  for_type(call,
           [&](auto zero) { forward_in<decltype(zero)>(attributes, call); });
}

void backward(const Attributes& attributes, Call& call) {
  for_type(call,
           [&](auto zero) { backward_in<decltype(zero)>(attributes, call); });
}

void input_gradient(const Attributes& attributes, Call& call) {
  for_type(call, [&](auto zero) {
    input_gradient_in<decltype(zero)>(attributes, call);
  });
}

void run(Operation operation, const Attributes& attributes,
         Call& call) noexcept {
  try {
    operation(attributes, call);
  } catch (const std::exception&) {  // lists of rows that nothing can hold
    call.out_of_memory();
  }
}

}  // namespace kerasrnn
