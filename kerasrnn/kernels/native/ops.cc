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
#include <initializer_list>
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

std::string string_attribute(TF_OpKernelConstruction* construction,
                             const char* name, TF_Status* status) {
  char value[32] = {};
  TF_OpKernelConstruction_GetAttrString(construction, name, value,
                                        sizeof value - 1, status);
  return value;
}

bool bool_attribute(TF_OpKernelConstruction* construction, const char* name,
                    TF_Status* status) {
  unsigned char value = 0;
  TF_OpKernelConstruction_GetAttrBool(construction, name, &value, status);
  return value != 0;
}

template <bool kForward>
void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto attributes = new Attributes;
  const std::string family =
      string_attribute(construction, "family", status);
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
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status);
  return attributes;
}

void destroy(void* attributes) { delete static_cast<Attributes*>(attributes); }

// ----------------------------------------------------------------- tensors

// The inputs and outputs of one call. The first failure is kept.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context) {}
  ~Call() {
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    if (!status_.ok()) TF_OpKernelContext_Failure(context_, status_);
  }

  TF_Tensor* input(int index) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_);
    if (tensor != nullptr) tensors_.push_back(tensor);
    return tensor;
  }

  // The data of an input of the given shape.
  template <class T = float>
  const T* input(int index, const char* name,
                 std::initializer_list<int64_t> shape) {
    TF_Tensor* tensor = input(index);
    if (!ok()) return nullptr;
    bool equal = TF_NumDims(tensor) == static_cast<int>(shape.size());
    for (int i = 0; equal && i < TF_NumDims(tensor); ++i)
      equal = TF_Dim(tensor, i) == shape.begin()[i];
    if (!equal) {
      std::string message = std::string("`") + name + "` must have shape (";
      for (int64_t size : shape) message += std::to_string(size) + ", ";
      message += "); got (";
      for (int i = 0; i < TF_NumDims(tensor); ++i)
        message += std::to_string(TF_Dim(tensor, i)) + ", ";
      fail(TF_INVALID_ARGUMENT, message + ").");
      return nullptr;
    }
    return static_cast<const T*>(TF_TensorData(tensor));
  }

  float* output(int index, std::initializer_list<int64_t> shape) {
    if (!ok()) return nullptr;
    int64_t count = 1;
    for (int64_t size : shape)
      if (__builtin_mul_overflow(count, size, &count) ||
          count > INT64_MAX / 8) {
        fail(TF_INVALID_ARGUMENT, "an output has more than 2^60 elements.");
        return nullptr;
      }
    return keep(TF_AllocateOutput(context_, index, TF_FLOAT, shape.begin(),
                                  static_cast<int>(shape.size()),
                                  count * sizeof(float), status_));
  }

  // An output of `count` elements that begins as a copy of an input, or takes
  // over its memory if nobody else needs it. Nothing may hold the input before.
  float* output_in_place(int index, int input, const char* name, int64_t count) {
    if (!ok()) return nullptr;
    int forwarded = -1;
    float* data = keep(TF_ForwardInputOrAllocateOutput(
        context_, &input, 1, index, &count, 1, &forwarded, status_));
    if (!ok() || forwarded == input) return data;
    const float* from = this->input(input, name, {count});
    if (ok() && count > 0) memcpy(data, from, count * sizeof(float));
    return data;
  }

  bool ok() const { return status_.ok(); }
  void fail(TF_Code code, const std::string& message) {
    TF_SetStatus(status_, code, ("kerasrnn: " + message).c_str());
  }
  void out_of_memory() {
    fail(TF_RESOURCE_EXHAUSTED, "no memory for the compiled kernel.");
  }

 private:
  float* keep(TF_Tensor* tensor) {
    if (tensor == nullptr) return nullptr;
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

// Rows of one task: enough to reuse a panel of weights, few enough that their
// states stay in the cache.
constexpr int64_t kTaskRows = 96;
// Below this many floating-point operations a helping thread wakes too late.
constexpr int64_t kWorthThreads = 4000000;

// A problem with its rows dealt to tasks: longest first, to and fro, so that
// tasks of a masked batch are of one size.
class Work {
 public:
  explicit Work(const Attributes& attributes) {
    problem.family = attributes.family;
    problem.go_backwards = attributes.go_backwards;
    problem.zero_output_for_mask = attributes.zero_output_for_mask;
    problem.threads = attributes.threads;
  }

  // Inputs 0 to 6 of every operation.
  bool read(Call& call) {
    TF_Tensor* x = call.input(0);
    TF_Tensor* h0 = call.input(1);
    TF_Tensor* bias = call.input(5);
    TF_Tensor* mask = call.input(6);
    if (!call.ok()) return false;
    if (TF_NumDims(x) != 3 || TF_NumDims(h0) != 2) {
      call.fail(TF_INVALID_ARGUMENT,
                "`sequences` must have rank 3 and `initial_state` rank 2.");
      return false;
    }
    Problem& p = problem;
    p.batch = TF_Dim(x, 0);
    p.steps = TF_Dim(x, 1);
    p.features = TF_Dim(x, 2);
    p.units = TF_Dim(h0, 1);
    const int64_t width = gates_of(p.family) * p.units;
    p.x = static_cast<const float*>(TF_TensorData(x));
    p.h0 = call.input(1, "initial_state", {p.batch, p.units});
    p.c0 = nullptr;
    if (p.family == Family::kLstm)
      p.c0 = call.input(2, "initial_state", {p.batch, p.units});
    p.kernel = call.input(3, "kernel", {p.features, width});
    p.recurrent = call.input(4, "recurrent_kernel", {p.units, width});
    p.bias = nullptr;
    if (TF_NumDims(bias) > 0 && TF_Dim(bias, 0) > 0) {
      if (p.family == Family::kGruResetAfter) {
        p.bias = call.input(5, "bias", {2, width});
      } else {
        p.bias = call.input(5, "bias", {width});
      }
    }
    p.mask = nullptr;
    if (TF_NumDims(mask) == 2)
      p.mask = call.input<uint8_t>(6, "mask", {p.batch, p.steps});
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
      length[b] = std::count_if(p.mask + b * p.steps,
                                p.mask + (b + 1) * p.steps,
                                [](uint8_t valid) { return valid != 0; });
    std::vector<int64_t> longest = rows_;
    std::stable_sort(
        longest.begin(), longest.end(),
        [&](int64_t a, int64_t b) { return length[a] > length[b]; });
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

void compute_forward(void* kernel, TF_OpKernelContext* context) {
  const auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  Work work(attributes);
  if (!work.read(call)) return;
  const Problem& p = work.problem;
  const bool lstm = p.family == Family::kLstm;
  Forward f{};
  f.last_output = call.output(0, {p.batch, p.units});
  const bool outputs = attributes.return_sequences || attributes.keep_residuals;
  f.outputs = outputs ? call.output(1, {p.batch, p.steps, p.units})
                      : call.output(1, {0});
  if (!outputs) f.outputs = nullptr;
  f.h = call.output(2, {p.batch, p.units});
  f.c = lstm ? call.output(3, {p.batch, p.units}) : call.output(3, {0, 0});
  if (!lstm) f.c = nullptr;
  int64_t residuals = 0;
  if (attributes.keep_residuals &&
      __builtin_mul_overflow(p.batch * p.steps,
                             attributes.kernels->record_floats(p), &residuals))
    residuals = INT64_MAX;
  f.residuals = call.output(4, {residuals});
  if (!attributes.keep_residuals) f.residuals = nullptr;
  if (call.ok() && !attributes.kernels->forward(p, f)) call.out_of_memory();
}

void compute_backward(void* kernel, TF_OpKernelContext* context) {
  const auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  Work work(attributes);
  if (!work.read(call)) return;
  const Problem& p = work.problem;
  const bool lstm = p.family == Family::kLstm;
  const int64_t width = gates_of(p.family) * p.units;
  const int64_t count =
      p.batch * p.steps * attributes.kernels->record_floats(p);
  Backward g{};
  g.outputs = call.input(8, "outputs", {p.batch, p.steps, p.units});
  g.d_last = call.input(10, "d_last_output", {p.batch, p.units});
  TF_Tensor* d_outputs = call.input(11);
  if (d_outputs != nullptr && TF_NumDims(d_outputs) == 3)
    g.d_outputs = call.input(11, "d_outputs", {p.batch, p.steps, p.units});
  g.d_h = call.input(12, "d_h", {p.batch, p.units});
  if (lstm) g.d_c = call.input(13, "d_c", {p.batch, p.units});
  g.d_h0 = call.output(0, {p.batch, p.units});
  g.d_c0 = lstm ? call.output(1, {p.batch, p.units}) : call.output(1, {0, 0});
  g.d_kernel = call.output(2, {p.features, width});
  g.d_recurrent = call.output(3, {p.units, width});
  if (p.bias == nullptr) {
    call.output(4, {0});
  } else if (p.family == Family::kGruResetAfter) {
    g.d_bias = call.output(4, {2, width});
  } else {
    g.d_bias = call.output(4, {width});
  }
  g.records = call.output_in_place(5, 9, "residuals", count);
  if (!call.ok()) return;
  if (!attributes.kernels->backward(p, g)) call.out_of_memory();
}

void compute_input_gradient(void* kernel, TF_OpKernelContext* context) {
  const auto& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  Work work(attributes);
  if (!work.read(call)) return;
  const Problem& p = work.problem;
  const float* records =
      call.input(8, "records",
                 {p.batch * p.steps * attributes.kernels->record_floats(p)});
  float* d_x = call.output(0, {p.batch, p.steps, p.features});
  if (call.ok() && !attributes.kernels->input_gradient(p, records, d_x))
    call.out_of_memory();
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
  for (const char* spec :
       {"x: float", "h0: float", "c0: float", "kernel: float",
        "recurrent_kernel: float", "bias: float", "mask: bool",
        "guard: variant"})
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
       compute_forward});
  add({"KerasrnnBackward",
       {},
       {"outputs: float", "residuals: float", "d_last_output: float",
        "d_outputs: float", "d_h: float", "d_c: float"},
       {"d_h0: float", "d_c0: float", "d_kernel: float",
        "d_recurrent_kernel: float", "d_bias: float", "records: float"},
       backward_shapes,
       create<false>,
       compute_backward});
  add({"KerasrnnInputGradient",
       {},
       {"records: float"},
       {"d_x: float"},
       input_gradient_shapes,
       create<false>,
       compute_input_gradient});
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
