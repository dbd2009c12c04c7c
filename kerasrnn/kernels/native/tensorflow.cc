// Registers the operations with TensorFlow: KerasrnnForward, KerasrnnBackward
// and KerasrnnInputGradient. Their input 7, `guard`, is never read: see
// native_tensorflow.py.

#include <algorithm>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string>

#include "operations.h"
#include "tensorflow_c_api.h"

namespace kerasrnn {
namespace {

constexpr int kGuard = 7;

// ------------------------------------------------------------- attributes

constexpr const char* kFamilyAttribute =
    "family: {'simple_rnn_tanh', 'simple_rnn_relu', 'lstm', 'gru', "
    "'gru_reset_after'}";
constexpr const char* kInstructionsAttribute =
    "instructions: {'best', 'bfloat16', 'avx2', 'baseline'} = 'best'";

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
  set_family(*attributes, family.c_str());
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
  const std::string instructions =
      string_attribute(construction, "instructions", status);
  set_instructions(*attributes, instructions.c_str());
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
    TF_SetStatus(status, TF_RESOURCE_EXHAUSTED,
                 "kerasrnn: no memory for the compiled kernel.");
  }
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status);
  return attributes.release();
}

void destroy(void* attributes) { delete static_cast<Attributes*>(attributes); }

// ----------------------------------------------------------------- tensors

TF_DataType to_tensorflow(Type type) {
  if (type == Type::kBool) return TF_BOOL;
  return type == Type::kFloat ? TF_FLOAT : TF_DOUBLE;
}

// The inputs and outputs of one call of TensorFlow's.
class TensorFlowCall : public Call {
 public:
  explicit TensorFlowCall(TF_OpKernelContext* context) : context_(context) {}
  ~TensorFlowCall() override {
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    if (!status_.ok()) TF_OpKernelContext_Failure(context_, status_);
  }
  TensorFlowCall(const TensorFlowCall&) = delete;
  TensorFlowCall& operator=(const TensorFlowCall&) = delete;

 private:
  bool input_array(int index, Array* array) override {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, at(index), &tensor, status_);
    if (tensor == nullptr) {
      fail(Failure::kInvalid, "an input is missing.");
      return false;
    }
    tensors_.push_back(tensor);
    array->shape.resize(TF_NumDims(tensor));
    for (size_t i = 0; i < array->shape.size(); ++i)
      array->shape[i] = TF_Dim(tensor, i);
    array->data = TF_TensorData(tensor);
    array->type = Type::kOther;
    for (Type type : {Type::kFloat, Type::kDouble, Type::kBool})
      if (TF_TensorType(tensor) == to_tensorflow(type)) array->type = type;
    return true;
  }

  // The last one that was asked for.
  void release_input(int) override {
    TF_DeleteTensor(tensors_.back());
    tensors_.pop_back();
  }

  void* output_array(int index, Type type, Shape shape, int reuse,
                     bool* reused) override {
    int64_t bytes = type == Type::kDouble ? sizeof(double) : sizeof(float);
    for (int64_t size : shape) bytes *= size;
    const int rank = static_cast<int>(shape.size());
    TF_Tensor* tensor = nullptr;
    if (reuse < 0) {
      tensor = TF_AllocateOutput(context_, index, to_tensorflow(type),
                                 shape.begin(), rank, bytes, status_);
    } else {
      const int input = at(reuse);
      int forwarded = -1;
      tensor = TF_ForwardInputOrAllocateOutput(
          context_, &input, 1, index, shape.begin(), rank, &forwarded, status_);
      *reused = forwarded == input;
    }
    if (tensor != nullptr) tensors_.push_back(tensor);
    if (!status_.ok()) failed();
    if (tensor == nullptr) out_of_memory();
    return ok() ? TF_TensorData(tensor) : nullptr;
  }

  void report(Failure failure, const char* message) override {
    TF_SetStatus(status_,
                 failure == Failure::kInvalid ? TF_INVALID_ARGUMENT
                                              : TF_RESOURCE_EXHAUSTED,
                 message);
  }

  static int at(int index) { return index < kGuard ? index : index + 1; }

  TF_OpKernelContext* context_;
  Status status_;
  std::vector<TF_Tensor*> tensors_;
};

template <Operation operation>
void compute(void* kernel, TF_OpKernelContext* context) {
  TensorFlowCall call(context);
  run(operation, *static_cast<const Attributes*>(kernel), call);
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
  for (const char* spec : {"T: {float, double}", "go_backwards: bool",
                           "zero_output_for_mask: bool", "threads: int >= 1"})
    TF_OpDefinitionBuilderAddAttr(builder, spec);
  for (const char* spec : operation.attributes)
    TF_OpDefinitionBuilderAddAttr(builder, spec);
  for (const char* spec :
       {"x: T", "h0: T", "c0: T", "kernel: T", "recurrent_kernel: T", "bias: T",
        "mask: bool", "guard: variant"})
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
  // The library is loaded without TensorFlow too.
  if (TF_NewStatus == nullptr) return false;
  add({"KerasrnnForward",
       {"return_sequences: bool", "keep_residuals: bool"},
       {},
       {"last_output: T", "outputs: T", "h: T", "c: T", "residuals: T"},
       forward_shapes,
       create<true>,
       compute<forward>});
  add({"KerasrnnBackward",
       {},
       {"outputs: T", "residuals: T", "d_last_output: T", "d_outputs: T",
        "d_h: T", "d_c: T"},
       {"d_h0: T", "d_c0: T", "d_kernel: T", "d_recurrent_kernel: T",
        "d_bias: T", "records: T"},
       backward_shapes,
       create<false>,
       compute<backward>});
  add({"KerasrnnInputGradient",
       {},
       {"records: T"},
       {"d_x: T"},
       input_gradient_shapes,
       create<false>,
       compute<input_gradient>});
  return true;
}

// TensorFlow registers what the static initialisers of a library bring.
[[maybe_unused]] const bool registered = register_all();

}  // namespace
}  // namespace kerasrnn
