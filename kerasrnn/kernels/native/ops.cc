// Registers the operations with TensorFlow: KerasrnnForward, KerasrnnBackward
// and KerasrnnInputGradient (apart, so that a graph that needs no gradient of
// the inputs does not compute it). Float32, CPU.
//
// Arrays that a call does not have (bias, mask, c0 where the cell has none)
// are passed, and come back, with zero elements. `guard` is never read: see
// native.py.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "problem.h"
#include "tensorflow_c_api.h"

namespace kerasrnn {
namespace {

// The best instruction set that this machine has.
const Kernels& kernels() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    return kAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return kAvx2;
#endif
  return kBaseline;
}

// ------------------------------------------------------------- attributes

struct Attributes {
  Family family = Family::kLstm;
  bool go_backwards = false;
  bool zero_output_for_mask = false;
  bool return_sequences = false;
  bool keep_residuals = false;
  int threads = 1;
  const Kernels* kernels = nullptr;
};

struct Named {
  const char* name;
  Family family;
};
constexpr Named kFamilies[] = {{"simple_rnn_tanh", Family::kSimpleTanh},
                               {"simple_rnn_relu", Family::kSimpleRelu},
                               {"lstm", Family::kLstm},
                               {"gru", Family::kGru},
                               {"gru_reset_after", Family::kGruResetAfter}};

constexpr const char* kFamilyAttribute =
    "family: {'simple_rnn_tanh', 'simple_rnn_relu', 'lstm', 'gru', "
    "'gru_reset_after'}";
constexpr const char* kInstructionsAttribute =
    "instructions: {'best', 'avx2', 'baseline'} = 'best'";

class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  operator TF_Status*() { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }

 private:
  TF_Status* status_;
};

// Takes no memory itself.
void no_memory(TF_Status* status) {
  if (TF_GetCode(status) == TF_OK)
    TF_SetStatus(status, TF_RESOURCE_EXHAUSTED,
                 "kerasrnn: no memory for the compiled kernel.");
}

std::string string_attribute(TF_OpKernelConstruction* construction,
                             const char* name, TF_Status* status) {
  char value[32] = {};
  if (TF_GetCode(status) != TF_OK) return value;
  TF_OpKernelConstruction_GetAttrString(construction, name, value,
                                        sizeof value - 1, status);
  return value;
}

bool bool_attribute(TF_OpKernelConstruction* construction, const char* name,
                    TF_Status* status) {
  unsigned char value = 0;
  if (TF_GetCode(status) != TF_OK) return false;
  TF_OpKernelConstruction_GetAttrBool(construction, name, &value, status);
  return value != 0;
}

template <bool kForward>
std::unique_ptr<Attributes> read_attributes(
    TF_OpKernelConstruction* construction, Status& status) {
  auto attributes = std::make_unique<Attributes>();
  const std::string family = string_attribute(construction, "family", status);
  for (const Named& named : kFamilies)
    if (family == named.name) attributes->family = named.family;
  attributes->go_backwards =
      bool_attribute(construction, "go_backwards", status);
  attributes->zero_output_for_mask =
      bool_attribute(construction, "zero_output_for_mask", status);
  if (kForward) {
    attributes->return_sequences =
        bool_attribute(construction, "return_sequences", status);
    attributes->keep_residuals =
        bool_attribute(construction, "keep_residuals", status);
  }
  int32_t threads = 1;
  if (status.ok())
    TF_OpKernelConstruction_GetAttrInt32(construction, "threads", &threads,
                                         status);
  attributes->threads = std::max(1, threads);
  attributes->kernels = &kernels();
  const std::string instructions =
      string_attribute(construction, "instructions", status);
  if (instructions == "baseline") attributes->kernels = &kBaseline;
#ifdef __x86_64__
  if (instructions == "avx2" && attributes->kernels == &kAvx512)
    attributes->kernels = &kAvx2;
#endif
  return attributes;
}

// What TensorFlow calls: C, through which no exception may pass.
template <bool kForward>
void* create(TF_OpKernelConstruction* construction) {
  Status status;
  std::unique_ptr<Attributes> attributes;
  try {
    attributes = read_attributes<kForward>(construction, status);
  } catch (const std::exception&) {
    no_memory(status);
  }
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status);
  return attributes.release();
}

void destroy(void* attributes) { delete static_cast<Attributes*>(attributes); }

// ----------------------------------------------------------------- tensors

// More than any memory holds, few enough that their bytes can be counted.
constexpr int64_t kMostFloats = INT64_MAX / 1024;

using Shape = std::initializer_list<int64_t>;

// As Python writes a shape.
template <class Sizes>
std::string to_string(const Sizes& sizes) {
  std::string text;
  for (int64_t size : sizes)
    text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "(" + text + (sizes.size() == 1 ? ",)" : ")");
}

// The inputs and outputs of one call. The first failure is kept: nothing is
// read or written after it.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context) {}
  ~Call() {
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    if (!status_.ok()) TF_OpKernelContext_Failure(context_, status_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // The size of dimension 0 of an input of rank 2, or -1.
  int64_t rows(int index, const char* name) {
    const TF_Tensor* tensor = get(index);
    if (tensor == nullptr) return -1;
    if (TF_NumDims(tensor) == 2) return TF_Dim(tensor, 0);
    fail(TF_INVALID_ARGUMENT, std::string("`") + name +
                                  "` must have rank 2; got the shape " +
                                  to_string(shape_of(tensor)) + ".");
    return -1;
  }

  // The sizes of the first two dimensions of an input of rank 3.
  bool rows_and_steps(int index, const char* name, int64_t* rows,
                      int64_t* steps) {
    const TF_Tensor* tensor = get(index);
    if (tensor == nullptr) return false;
    if (TF_NumDims(tensor) != 3) {
      fail(TF_INVALID_ARGUMENT, std::string("`") + name +
                                    "` must have rank 3; got the shape " +
                                    to_string(shape_of(tensor)) + ".");
      return false;
    }
    *rows = TF_Dim(tensor, 0);
    *steps = TF_Dim(tensor, 1);
    return true;
  }

  // The data of an input of the given shape, or null after a failure.
  template <class T = float>
  const T* input(int index, const char* name, Shape shape) {
    return static_cast<const T*>(data(index, name, shape, false));
  }

  // The same of an input that may be left out, in shape (0,): null if it is.
  template <class T = float>
  const T* optional_input(int index, const char* name, Shape shape) {
    return static_cast<const T*>(data(index, name, shape, true));
  }

  // An input that this family of cells has not: without elements.
  void no_input(int index, const char* name) {
    const TF_Tensor* tensor = get(index);
    if (tensor == nullptr) return;
    const std::vector<int64_t> shape = shape_of(tensor);
    if (std::count(shape.begin(), shape.end(), 0) > 0) return;
    fail(TF_INVALID_ARGUMENT, std::string("`") + name +
                                  "` must be empty for this cell; got the "
                                  "shape " +
                                  to_string(shape) + ".");
  }

  float* output(int index, Shape shape) {
    if (!ok()) return nullptr;
    int64_t count = 1;
    for (int64_t size : shape)
      if (__builtin_mul_overflow(count, size, &count) || count > kMostFloats) {
        fail(TF_INVALID_ARGUMENT, "an output would have too many elements.");
        return nullptr;
      }
    return keep(TF_AllocateOutput(context_, index, TF_FLOAT, shape.begin(),
                                  static_cast<int>(shape.size()),
                                  count * sizeof(float), status_));
  }

  // An output that this call has not, without elements.
  float* no_output(int index, Shape shape) {
    output(index, shape);
    return nullptr;
  }

  // An output of `count` elements that begins as a copy of an input, or takes
  // over its memory if nobody else needs it. Nothing may hold the input before.
  float* output_in_place(int index, int input, const char* name,
                         int64_t count) {
    check(input, name, {count}, false);
    if (!ok()) return nullptr;
    int forwarded = -1;
    float* to = keep(TF_ForwardInputOrAllocateOutput(
        context_, &input, 1, index, &count, 1, &forwarded, status_));
    if (!ok() || forwarded == input) return to;
    const float* from = this->input(input, name, {count});
    if (ok() && count > 0) memcpy(to, from, count * sizeof(float));
    return to;
  }

  bool ok() const { return status_.ok(); }
  void fail(TF_Code code, const std::string& message) {
    if (!ok()) return;
    TF_SetStatus(status_, code, ("kerasrnn: " + message).c_str());
  }
  void out_of_memory() { no_memory(status_); }

 private:
  static std::vector<int64_t> shape_of(const TF_Tensor* tensor) {
    std::vector<int64_t> shape(TF_NumDims(tensor));
    for (size_t i = 0; i < shape.size(); ++i) shape[i] = TF_Dim(tensor, i);
    return shape;
  }

  // TF_GetInput sets the status anew, so that it would forget a failure.
  TF_Tensor* get(int index) {
    if (!ok()) return nullptr;
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_);
    if (tensor == nullptr) {
      fail(TF_INVALID_ARGUMENT, "an input is missing.");
    } else {
      tensors_.push_back(tensor);
    }
    return tensor;
  }

  const void* data(int index, const char* name, Shape shape, bool optional) {
    const TF_Tensor* tensor = get(index);
    if (tensor == nullptr) return nullptr;
    return fits(tensor, name, shape, optional) ? TF_TensorData(tensor)
                                               : nullptr;
  }

  // Looks at the shape of an input and lets go of it.
  void check(int index, const char* name, Shape shape, bool optional) {
    const TF_Tensor* tensor = get(index);
    if (tensor == nullptr) return;
    fits(tensor, name, shape, optional);
    TF_DeleteTensor(tensors_.back());
    tensors_.pop_back();
  }

  // Whether there is an array of that shape. An optional one may have none.
  bool fits(const TF_Tensor* tensor, const char* name, Shape shape,
            bool optional) {
    const std::vector<int64_t> found = shape_of(tensor);
    if (found.size() == shape.size() &&
        std::equal(found.begin(), found.end(), shape.begin()))
      return true;
    if (optional && found == std::vector<int64_t>{0}) return false;
    fail(TF_INVALID_ARGUMENT, std::string("`") + name +
                                  "` must have the shape " + to_string(shape) +
                                  "; got " + to_string(found) + ".");
    return false;
  }

  float* keep(TF_Tensor* tensor) {
    if (tensor == nullptr) {
      out_of_memory();
      return nullptr;
    }
    tensors_.push_back(tensor);
    return static_cast<float*>(TF_TensorData(tensor));
  }

  TF_OpKernelContext* context_;
  Status status_;
  std::vector<TF_Tensor*> tensors_;
};

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

int64_t record_floats(const Attributes& attributes, const Problem& p) {
  return attributes.kernels->record_floats(p);
}

// Rows of one task: enough to reuse a panel of weights, few enough that their
// states stay in the cache.
constexpr int64_t kTaskRows = 96;
// No machine gains by more, and each has memory of its own.
constexpr int kMostThreads = 256;
// Below this many floating-point operations a helping thread wakes too late.
constexpr int64_t kWorthThreads = 4000000;

// Whether some product of sizes may not fit into 64 bits. What has memory is
// far smaller; but arrays without elements may be of any size in the other
// directions.
bool is_too_large(const Problem& p) {
  const double pairs = (p.batch + 1.0) * (p.steps + 1.0);
  const double widest = p.features + 8.0 * (p.units + 64.0);
  // Packed whole, and 128 rows of them for each thread.
  const double weights = widest * (p.units + 128.0 * kMostThreads);
  return pairs * widest > kMostFloats || weights > kMostFloats;
}

// A problem with its rows dealt to tasks: longest first, to and fro, so that
// tasks of a masked batch are of one size.
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
    Problem& p = problem;
    const bool lstm = p.family == Family::kLstm;
    if (!call.rows_and_steps(0, "sequences", &p.batch, &p.steps)) return false;
    p.features = call.rows(3, "kernel");
    p.units = call.rows(4, "recurrent_kernel");
    if (!call.ok()) return false;
    if (p.units == 0) {
      call.fail(TF_INVALID_ARGUMENT,
                "`recurrent_kernel` must have at least one row; got none.");
      return false;
    }
    if (is_too_large(p)) {
      call.fail(TF_INVALID_ARGUMENT,
                "`sequences` of the shape " +
                    to_string(Shape{p.batch, p.steps, p.features}) + " and " +
                    std::to_string(p.units) + " units are too large.");
      return false;
    }
    const int64_t width = gates_of(p.family) * p.units;
    p.kernel = call.input(3, "kernel", {p.features, width});
    p.recurrent = call.input(4, "recurrent_kernel", {p.units, width});
    p.bias = p.family == Family::kGruResetAfter
                 ? call.optional_input(5, "bias", {2, width})
                 : call.optional_input(5, "bias", {width});
    p.x = call.input(0, "sequences", {p.batch, p.steps, p.features});
    p.h0 = call.input(1, "initial_state[0]", {p.batch, p.units});
    if (lstm) {
      p.c0 = call.input(2, "initial_state[1]", {p.batch, p.units});
    } else {
      call.no_input(2, "initial_state[1]");
    }
    p.mask = call.optional_input<uint8_t>(6, "mask", {p.batch, p.steps});
    if (call.ok()) deal();
    return call.ok();
  }

  Problem problem{};

 private:
  void deal() {
    Problem& p = problem;
    const double flops = 2.0 * p.batch * p.steps * (p.features + p.units) *
                         gates_of(p.family) * p.units;
    if (flops < kWorthThreads) p.threads = 1;
    const int64_t rounds =
        (p.batch + p.threads * kTaskRows - 1) / (p.threads * kTaskRows);
    p.tasks = std::min(p.batch, p.threads * rounds);
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
    const Problem& p = problem;
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

// --------------------------------------------------------------- operations

void forward(const Attributes& attributes, Call& call) {
  Work work(attributes);
  if (!work.read(call)) return;
  const Problem& p = work.problem;
  const bool lstm = p.family == Family::kLstm;
  const bool outputs = attributes.return_sequences || attributes.keep_residuals;
  const int64_t residuals = p.batch * p.steps * record_floats(attributes, p);
  Forward f{};
  f.last_output = call.output(0, {p.batch, p.units});
  f.outputs = outputs ? call.output(1, {p.batch, p.steps, p.units})
                      : call.no_output(1, {0});
  f.h = call.output(2, {p.batch, p.units});
  f.c = lstm ? call.output(3, {p.batch, p.units}) : call.no_output(3, {0, 0});
  f.residuals = attributes.keep_residuals ? call.output(4, {residuals})
                                          : call.no_output(4, {0});
  if (call.ok() && !attributes.kernels->forward(p, f)) call.out_of_memory();
}

void backward(const Attributes& attributes, Call& call) {
  Work work(attributes);
  if (!work.read(call)) return;
  const Problem& p = work.problem;
  const bool lstm = p.family == Family::kLstm;
  const int64_t width = gates_of(p.family) * p.units;
  const int64_t residuals = p.batch * p.steps * record_floats(attributes, p);
  Backward g{};
  g.outputs = call.input(8, "outputs", {p.batch, p.steps, p.units});
  g.d_last = call.input(10, "d_last_output", {p.batch, p.units});
  g.d_outputs =
      call.optional_input(11, "d_outputs", {p.batch, p.steps, p.units});
  g.d_h = call.input(12, "d_h", {p.batch, p.units});
  if (lstm) {
    g.d_c = call.input(13, "d_c", {p.batch, p.units});
  } else {
    call.no_input(13, "d_c");
  }
  g.d_h0 = call.output(0, {p.batch, p.units});
  g.d_c0 =
      lstm ? call.output(1, {p.batch, p.units}) : call.no_output(1, {0, 0});
  g.d_kernel = call.output(2, {p.features, width});
  g.d_recurrent = call.output(3, {p.units, width});
  if (p.bias == nullptr) {
    call.no_output(4, {0});
  } else if (p.family == Family::kGruResetAfter) {
    g.d_bias = call.output(4, {2, width});
  } else {
    g.d_bias = call.output(4, {width});
  }
  g.records = call.output_in_place(5, 9, "residuals", residuals);
  if (call.ok() && !attributes.kernels->backward(p, g)) call.out_of_memory();
}

void input_gradient(const Attributes& attributes, Call& call) {
  Work work(attributes);
  if (!work.read(call)) return;
  const Problem& p = work.problem;
  const float* records = call.input(
      8, "records", {p.batch * p.steps * record_floats(attributes, p)});
  float* d_x = call.output(0, {p.batch, p.steps, p.features});
  if (call.ok() && !attributes.kernels->input_gradient(p, records, d_x))
    call.out_of_memory();
}

// What TensorFlow calls: C, through which no exception may pass.
template <void (*operation)(const Attributes&, Call&)>
void compute(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  try {
    operation(*static_cast<const Attributes*>(kernel), call);
  } catch (const std::exception&) {  // lists of rows that nothing can hold
    call.out_of_memory();
  }
}

// ------------------------------------------------------------------- shapes

void set_like(TF_ShapeInferenceContext* context, int output, int input,
              TF_Status* status) {
  TF_ShapeHandle* shape = TF_NewShapeHandle();
  if (TF_GetCode(status) == TF_OK)
    TF_ShapeInferenceContextGetInput(context, input, shape, status);
  if (TF_GetCode(status) == TF_OK)
    TF_ShapeInferenceContextSetOutput(context, output, shape, status);
  TF_DeleteShapeHandle(shape);
}

// What depends on an attribute (`outputs`, `residuals`, `records`) stays
// unknown here; Python sets the shape of `outputs`.
void forward_shapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
  set_like(context, 0, 1, status);
  set_like(context, 2, 1, status);
  set_like(context, 3, 2, status);
}

void backward_shapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
  for (int i = 0; i < 5; ++i) set_like(context, i, i + 1, status);
}

void input_gradient_shapes(TF_ShapeInferenceContext* context,
                           TF_Status* status) {
  set_like(context, 0, 0, status);
}

// ------------------------------------------------------------- registration

struct Operation {
  const char* name;
  std::initializer_list<const char*> attributes, inputs, outputs;
  void (*shapes)(TF_ShapeInferenceContext*, TF_Status*);
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
};

void add(const Operation& operation) {
  Status status;
  TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(operation.name);
  TF_OpDefinitionBuilderAddAttr(builder, kFamilyAttribute);
  TF_OpDefinitionBuilderAddAttr(builder, kInstructionsAttribute);
  for (const char* spec : {"go_backwards: bool", "zero_output_for_mask: bool",
                           "threads: int >= 1"})
    TF_OpDefinitionBuilderAddAttr(builder, spec);
  for (const char* spec : operation.attributes)
    TF_OpDefinitionBuilderAddAttr(builder, spec);
  for (const char* spec : {"x: float", "h0: float", "c0: float",
                           "kernel: float", "recurrent_kernel: float",
                           "bias: float", "mask: bool", "guard: variant"})
    TF_OpDefinitionBuilderAddInput(builder, spec);
  for (const char* spec : operation.inputs)
    TF_OpDefinitionBuilderAddInput(builder, spec);
  for (const char* spec : operation.outputs)
    TF_OpDefinitionBuilderAddOutput(builder, spec);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, operation.shapes);
  TF_RegisterOpDefinition(builder, status);
  if (!status.ok()) return;
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(
      operation.name, "CPU", operation.create, operation.compute, destroy);
  TF_RegisterKernelBuilder(operation.name, kernel, status);
}

bool register_all() {
  add({"KerasrnnForward",
       {"return_sequences: bool", "keep_residuals: bool"},
       {},
       {"last_output: float", "outputs: float", "h: float", "c: float",
        "residuals: float"},
       forward_shapes,
       create<true>,
       compute<forward>});
  add({"KerasrnnBackward",
       {},
       {"outputs: float", "residuals: float", "d_last_output: float",
        "d_outputs: float", "d_h: float", "d_c: float"},
       {"d_h0: float", "d_c0: float", "d_kernel: float",
        "d_recurrent_kernel: float", "d_bias: float", "records: float"},
       backward_shapes,
       create<false>,
       compute<backward>});
  add({"KerasrnnInputGradient",
       {},
       {"records: float"},
       {"d_x: float"},
       input_gradient_shapes,
       create<false>,
       compute<input_gradient>});
  return true;
}

// TensorFlow registers what the static initialisers of a library bring.
[[maybe_unused]] const bool registered = register_all();

}  // namespace
}  // namespace kerasrnn

// The name of the instruction set in use, for Python to show.
extern "C" __attribute__((visibility("default"))) const char*
kerasrnn_instructions() {
  return kerasrnn::kernels().name;
}
