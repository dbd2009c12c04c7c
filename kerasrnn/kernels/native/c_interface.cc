#include "c_interface.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include "given_arrays.h"

namespace kerasrnn {
namespace {

// The next `count` arrays of the list, which then goes on behind them.
std::vector<Array> read_arrays(const int64_t*& list, int64_t count) {
  std::vector<Array> all(count);
  for (Array& array : all) {
    const int64_t type = *list++, rank = *list++;
    array.type = type == 0   ? Type::kFloat
                 : type == 1 ? Type::kDouble
                 : type == 2 ? Type::kBool
                             : Type::kOther;
    array.shape.assign(list, list + rank);
    list += rank;
    array.data = reinterpret_cast<void*>(*list++);
  }
  return all;
}

void tell(const KerasrnnCall& call, const char* message) {
  strncpy(call.message, message, call.message_bytes - 1);
  call.message[call.message_bytes - 1] = 0;
}

bool execute(const KerasrnnCall& c) {
  Operation operation = nullptr;
  if (strcmp(c.operation, "forward") == 0) operation = forward;
  if (strcmp(c.operation, "backward") == 0) operation = backward;
  if (strcmp(c.operation, "input_gradient") == 0) operation = input_gradient;
  Attributes attributes;
  if (operation == nullptr || !set_family(attributes, c.family)) {
    tell(c, "kerasrnn: there is no such `operation` or `family`.");
    return false;
  }
  set_instructions(attributes, c.instructions);
  attributes.go_backwards = c.go_backwards;
  attributes.zero_output_for_mask = c.zero_output_for_mask;
  attributes.return_sequences = c.return_sequences;
  attributes.keep_residuals = c.keep_residuals;
  attributes.threads =
      static_cast<int>(std::clamp<int64_t>(c.threads, 1, INT32_MAX));
  const int64_t* list = c.arrays;
  std::vector<Array> inputs = read_arrays(list, c.inputs);
  GivenArrays call(std::move(inputs), read_arrays(list, c.outputs));
  run(operation, attributes, call);
  if (!call.ok()) tell(c, call.message());
  return call.ok();
}

template <class T>
int64_t record_floats(const Attributes& attributes, int64_t units) {
  Problem<T> problem{};
  problem.family = attributes.family;
  problem.units = units;
  return attributes.instructions.of<T>().record_floats(problem);
}

}  // namespace
}  // namespace kerasrnn

extern "C" bool kerasrnn_call(const KerasrnnCall* call) {
  try {
    return kerasrnn::execute(*call);
  } catch (const std::exception&) {
    kerasrnn::tell(*call, "kerasrnn: no memory for the compiled kernel.");
    return false;
  }
}

extern "C" int64_t kerasrnn_record_floats(const char* family,
                                          const char* instructions,
                                          int64_t type, int64_t units) {
  kerasrnn::Attributes attributes;
  kerasrnn::set_family(attributes, family);
  kerasrnn::set_instructions(attributes, instructions);
  return type == 0 ? kerasrnn::record_floats<float>(attributes, units)
                   : kerasrnn::record_floats<double>(attributes, units);
}

extern "C" const char* kerasrnn_instructions(const char* instructions,
                                             int64_t type) {
  kerasrnn::Attributes attributes;
  kerasrnn::set_instructions(attributes, instructions);
  const kerasrnn::Instructions& chosen = attributes.instructions;
  return type == 0 ? chosen.of_float->name : chosen.of_double->name;
}
