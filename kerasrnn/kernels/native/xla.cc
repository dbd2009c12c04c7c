// The operations as XLA calls them: `kerasrnn_xla_forward`,
// `kerasrnn_xla_backward` and `kerasrnn_xla_input_gradient`. Their attributes
// are those of TensorFlow's operations.

#include "xla_ffi_c_api.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "given_arrays.h"

namespace kerasrnn {
namespace {

bool is_named(const XLA_FFI_ByteSpan& span, const char* name) {
  return span.len == strlen(name) && memcmp(span.ptr, name, span.len) == 0;
}

// The attribute of that name and type, or null.
const void* attribute(const XLA_FFI_Attrs& attrs, const char* name,
                      XLA_FFI_AttrType type) {
  for (int64_t i = 0; i < attrs.size; ++i)
    if (attrs.types[i] == type && is_named(*attrs.names[i], name))
      return attrs.attrs[i];
  return nullptr;
}

std::string text(const XLA_FFI_Attrs& attrs, const char* name) {
  const auto* span = static_cast<const XLA_FFI_ByteSpan*>(
      attribute(attrs, name, XLA_FFI_AttrType_STRING));
  return span == nullptr ? std::string() : std::string(span->ptr, span->len);
}

int64_t number(const XLA_FFI_Attrs& attrs, const char* name) {
  const auto* scalar = static_cast<const XLA_FFI_Scalar*>(
      attribute(attrs, name, XLA_FFI_AttrType_SCALAR));
  if (scalar == nullptr) return 0;
  if (scalar->dtype == XLA_FFI_DataType_PRED)
    return *static_cast<const uint8_t*>(scalar->value) != 0;
  if (scalar->dtype == XLA_FFI_DataType_S64)
    return *static_cast<const int64_t*>(scalar->value);
  return 0;
}

Array array_of(const void* argument) {
  const auto* buffer = static_cast<const XLA_FFI_Buffer*>(argument);
  Type type = Type::kOther;
  if (buffer->dtype == XLA_FFI_DataType_F32) type = Type::kFloat;
  if (buffer->dtype == XLA_FFI_DataType_F64) type = Type::kDouble;
  if (buffer->dtype == XLA_FFI_DataType_PRED) type = Type::kBool;
  return {type, {buffer->dims, buffer->dims + buffer->rank}, buffer->data};
}

XLA_FFI_Error* error(const XLA_FFI_CallFrame* frame, Failure failure,
                     const char* message) {
  XLA_FFI_Error_Create_Args args = {};
  args.struct_size = sizeof args;
  args.message = message;
  args.errc = failure == Failure::kInvalid
                  ? XLA_FFI_Error_Code_INVALID_ARGUMENT
                  : XLA_FFI_Error_Code_RESOURCE_EXHAUSTED;
  return frame->api->XLA_FFI_Error_Create(&args);
}

// Whether XLA asks for what this was compiled with, which is then told.
bool tell_version(const XLA_FFI_CallFrame* frame) {
  XLA_FFI_Extension_Base* extension = frame->extension_start;
  if (extension == nullptr || extension->type != XLA_FFI_Extension_Metadata)
    return false;
  XLA_FFI_Metadata* metadata =
      reinterpret_cast<XLA_FFI_Metadata_Extension*>(extension)->metadata;
  metadata->api_version.major_version = XLA_FFI_API_MAJOR;
  metadata->api_version.minor_version = XLA_FFI_API_MINOR;
  metadata->traits = 0;
  return true;
}

XLA_FFI_Error* execute(Operation operation, const XLA_FFI_CallFrame* frame) {
  Attributes attributes;
  if (!set_family(attributes, text(frame->attrs, "family").c_str()))
    return error(frame, Failure::kInvalid,
                 "kerasrnn: there is no such `family`.");
  set_instructions(attributes, text(frame->attrs, "instructions").c_str());
  attributes.go_backwards = number(frame->attrs, "go_backwards");
  attributes.zero_output_for_mask =
      number(frame->attrs, "zero_output_for_mask");
  attributes.return_sequences = number(frame->attrs, "return_sequences");
  attributes.keep_residuals = number(frame->attrs, "keep_residuals");
  attributes.threads = static_cast<int>(
      std::clamp<int64_t>(number(frame->attrs, "threads"), 1, INT32_MAX));
  std::vector<Array> inputs, outputs;
  for (int64_t i = 0; i < frame->args.size; ++i)
    inputs.push_back(array_of(frame->args.args[i]));
  for (int64_t i = 0; i < frame->rets.size; ++i)
    outputs.push_back(array_of(frame->rets.rets[i]));
  GivenArrays call(std::move(inputs), std::move(outputs));
  run(operation, attributes, call);
  return call.ok() ? nullptr : error(frame, call.failure(), call.message());
}

// What XLA calls: C, through which no exception may pass.
XLA_FFI_Error* handle(Operation operation, const XLA_FFI_CallFrame* frame) {
  if (tell_version(frame)) return nullptr;
  try {
    return execute(operation, frame);
  } catch (const std::exception&) {
    return error(frame, Failure::kNoMemory,
                 "kerasrnn: no memory for the compiled kernel.");
  }
}

}  // namespace
}  // namespace kerasrnn

XLA_FFI_Error* kerasrnn_xla_forward(XLA_FFI_CallFrame* frame) {
  return kerasrnn::handle(kerasrnn::forward, frame);
}
XLA_FFI_Error* kerasrnn_xla_backward(XLA_FFI_CallFrame* frame) {
  return kerasrnn::handle(kerasrnn::backward, frame);
}
XLA_FFI_Error* kerasrnn_xla_input_gradient(XLA_FFI_CallFrame* frame) {
  return kerasrnn::handle(kerasrnn::input_gradient, frame);
}
