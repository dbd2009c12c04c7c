#include "fake_tensorflow.h"

#include <cstring>

struct TF_Status {
  TF_Code code = TF_OK;
  std::string message;
};
// What TF_GetInput and TF_AllocateOutput give: to be deleted once each.
struct TF_Tensor {
  FakeTensor* tensor;
};
struct TF_OpDefinitionBuilder {};
struct TF_ShapeHandle {};
struct TF_KernelBuilder {
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};
struct TF_OpKernelConstruction : FakeCall {};
struct TF_OpKernelContext : FakeCall {};

namespace {

std::map<std::string, TF_KernelBuilder>& registered() {
  static std::map<std::string, TF_KernelBuilder> all;
  return all;
}

void set(TF_Status* status, TF_Code code, const std::string& message) {
  status->code = code;
  status->message = message;
}

size_t bytes_of(TF_DataType type, const std::vector<int64_t>& shape) {
  size_t bytes = type == TF_DOUBLE  ? sizeof(double)
                 : type == TF_FLOAT ? sizeof(float)
                                    : sizeof(bool);
  for (int64_t size : shape) bytes *= size;
  return bytes;
}

const std::string& attribute(const TF_OpKernelConstruction* construction,
                             const char* name, TF_Status* status) {
  set(status, TF_OK, "");  // as TensorFlow does
  return construction->attributes.at(name);
}

}  // namespace

void FakeCall::run(const std::string& operation) {
  const TF_KernelBuilder& kernel = registered().at(operation);
  auto& construction = static_cast<TF_OpKernelConstruction&>(*this);
  void* made = kernel.create(&construction);
  if (code == TF_OK)
    kernel.compute(made, static_cast<TF_OpKernelContext*>(this));
  kernel.destroy(made);
}

extern "C" {

TF_Status* TF_NewStatus() { return new TF_Status; }
void TF_DeleteStatus(TF_Status* status) { delete status; }
void TF_SetStatus(TF_Status* status, TF_Code code, const char* message) {
  set(status, code, message);
}
TF_Code TF_GetCode(const TF_Status* status) { return status->code; }
const char* TF_Message(const TF_Status* status) {
  return status->message.c_str();
}

void TF_DeleteTensor(TF_Tensor* tensor) { delete tensor; }
TF_DataType TF_TensorType(const TF_Tensor* tensor) {
  return tensor->tensor->type;
}
int TF_NumDims(const TF_Tensor* tensor) {
  return static_cast<int>(tensor->tensor->shape.size());
}
int64_t TF_Dim(const TF_Tensor* tensor, int dimension) {
  return tensor->tensor->shape.at(dimension);
}
void* TF_TensorData(const TF_Tensor* tensor) {
  return tensor->tensor->bytes.empty() ? nullptr : tensor->tensor->bytes.data();
}

TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char*) {
  return new TF_OpDefinitionBuilder;
}
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder*, const char*) {}
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder*, const char*) {}
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder*, const char*) {}
void TF_OpDefinitionBuilderSetShapeInferenceFunction(
    TF_OpDefinitionBuilder*, void (*)(TF_ShapeInferenceContext*, TF_Status*)) {}
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder* builder, TF_Status*) {
  delete builder;
}

// Shapes are inferred by TensorFlow alone.
TF_ShapeHandle* TF_NewShapeHandle() { return new TF_ShapeHandle; }
void TF_DeleteShapeHandle(TF_ShapeHandle* shape) { delete shape; }
void TF_ShapeInferenceContextSetUnknownShape(TF_ShapeInferenceContext*,
                                             TF_Status*) {}
void TF_ShapeInferenceContextGetInput(TF_ShapeInferenceContext*, int,
                                      TF_ShapeHandle*, TF_Status*) {}
void TF_ShapeInferenceContextSetOutput(TF_ShapeInferenceContext*, int,
                                       TF_ShapeHandle*, TF_Status*) {}

TF_KernelBuilder* TF_NewKernelBuilder(
    const char*, const char*, void* (*create)(TF_OpKernelConstruction*),
    void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*)) {
  return new TF_KernelBuilder{create, compute, destroy};
}
void TF_RegisterKernelBuilder(const char* name, TF_KernelBuilder* builder,
                              TF_Status*) {
  registered()[name] = *builder;
  delete builder;
}

void TF_OpKernelConstruction_GetAttrBool(TF_OpKernelConstruction* construction,
                                         const char* name, unsigned char* value,
                                         TF_Status* status) {
  *value = attribute(construction, name, status) == "true";
}
void TF_OpKernelConstruction_GetAttrInt32(TF_OpKernelConstruction* construction,
                                          const char* name, int32_t* value,
                                          TF_Status* status) {
  *value = std::stoi(attribute(construction, name, status));
}
void TF_OpKernelConstruction_GetAttrString(
    TF_OpKernelConstruction* construction, const char* name, char* value,
    size_t max_length, TF_Status* status) {
  std::strncpy(value, attribute(construction, name, status).c_str(),
               max_length);
}
void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction* construction,
                                     TF_Status* status) {
  construction->code = status->code;
  construction->message = status->message;
}
void TF_OpKernelContext_Failure(TF_OpKernelContext* context,
                                TF_Status* status) {
  context->code = status->code;
  context->message = status->message;
}

void TF_GetInput(TF_OpKernelContext* context, int index, TF_Tensor** tensor,
                 TF_Status* status) {
  set(status, TF_OK, "");  // as TensorFlow does
  *tensor = new TF_Tensor{&context->inputs.at(index)};
}
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext* context, int index,
                             TF_DataType type, const int64_t* dims,
                             int num_dims, size_t bytes, TF_Status* status) {
  set(status, TF_OK, "");
  if (bytes > size_t{1} << 32) {
    set(status, TF_RESOURCE_EXHAUSTED, "out of memory");
    return nullptr;
  }
  FakeTensor& output = context->outputs[index];
  // Bytes of ones are NaN: what is not written equals nothing.
  output = {type, {dims, dims + num_dims}, std::vector<char>(bytes, -1)};
  return new TF_Tensor{&output};
}
TF_Tensor* TF_ForwardInputOrAllocateOutput(TF_OpKernelContext* context,
                                           const int* candidates, int count,
                                           int output_index,
                                           const int64_t* dims, int num_dims,
                                           int* forwarded, TF_Status* status) {
  *forwarded = -1;
  const std::vector<int64_t> shape(dims, dims + num_dims);
  // TensorFlow knows the type of the output.
  const TF_DataType type = context->inputs.at(0).type;
  for (int i = 0; context->forward_inputs && i < count; ++i) {
    FakeTensor& input = context->inputs.at(candidates[i]);
    if (input.bytes.size() != bytes_of(type, shape)) continue;
    set(status, TF_OK, "");
    context->outputs[output_index] = {type, shape, std::move(input.bytes)};
    *forwarded = candidates[i];
    return new TF_Tensor{&context->outputs[output_index]};
  }
  return TF_AllocateOutput(context, output_index, type, dims, num_dims,
                           bytes_of(type, shape), status);
}

}  // extern "C"
