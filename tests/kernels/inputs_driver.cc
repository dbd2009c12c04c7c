// Runs the operations without TensorFlow and XLA, for the sanitizers: right
// inputs, then each input of each operation wrong in turn. A wrong one is
// refused by its name; nothing is read or written beyond an array. What C and
// XLA get is what TensorFlow gets, messages included.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

#include "../../kerasrnn/kernels/native/c_interface.h"
#include "../../kerasrnn/kernels/native/xla_ffi_c_api.h"
#include "fake_tensorflow.h"

namespace {

constexpr int64_t B = 3, T = 4, D = 5, U = 6;

struct Family {
  const char* name;
  int64_t gates;
};
constexpr Family kFamilies[] = {{"simple_rnn_tanh", 1},
                                {"simple_rnn_relu", 1},
                                {"lstm", 4},
                                {"gru", 3},
                                {"gru_reset_after", 3}};

template <class T>
std::vector<char> normal_numbers(int64_t count, std::mt19937& random) {
  std::vector<T> values(count);
  std::normal_distribution<T> normal;
  for (T& value : values) value = normal(random);
  std::vector<char> bytes(count * sizeof(T));
  if (count > 0) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

FakeTensor tensor(std::vector<int64_t> shape, TF_DataType type) {
  static std::mt19937 random(0);
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  if (type == TF_BOOL) {
    std::vector<char> bytes(count);
    for (char& valid : bytes) valid = random() % 2;
    return {type, shape, bytes};
  }
  return {type, shape,
          type == TF_DOUBLE ? normal_numbers<double>(count, random)
                            : normal_numbers<float>(count, random)};
}

// A call of an operation whose inputs are right, numbers of the given type.
FakeCall right_call(const std::string& operation, const Family& family,
                    TF_DataType type) {
  const auto tensor = [&](std::vector<int64_t> shape) {
    return ::tensor(shape, type);
  };
  const int64_t width = family.gates * U;
  const bool lstm = std::string(family.name) == "lstm";
  const bool two = std::string(family.name) == "gru_reset_after";
  const std::vector<int64_t> c =
      lstm ? std::vector<int64_t>{B, U} : std::vector<int64_t>{0, 0};
  FakeCall call;
  call.attributes = {{"family", family.name},
                     {"instructions", "best"},
                     {"go_backwards", "false"},
                     {"zero_output_for_mask", "false"},
                     {"return_sequences", "true"},
                     {"keep_residuals", "true"},
                     {"threads", "2"}};
  call.inputs = {
      tensor({B, T, D}),
      tensor({B, U}),
      tensor(c),
      tensor({D, width}),
      tensor({U, width}),
      two ? tensor({2, width}) : tensor({width}),
      ::tensor({B, T}, TF_BOOL),
      tensor({}),  // the guard, which nobody reads
  };
  if (operation == "KerasrnnForward") return call;
  FakeCall forward = call;
  forward.run("KerasrnnForward");
  if (operation == "KerasrnnBackward") {
    call.inputs.push_back(forward.outputs.at(1));
    call.inputs.push_back(forward.outputs.at(4));
    call.inputs.push_back(tensor({B, U}));
    call.inputs.push_back(tensor({B, T, U}));
    call.inputs.push_back(tensor({B, U}));
    call.inputs.push_back(tensor(c));
  } else {
    call.inputs.push_back(forward.outputs.at(4));
  }
  return call;
}

// Other shapes: fewer and more dimensions, and each dimension of other sizes.
std::vector<std::vector<int64_t>> wrong_shapes(std::vector<int64_t> shape) {
  std::vector<std::vector<int64_t>> all = {{}, {7}, {1, 2, 3, 4}, {0, 0, 0, 0}};
  for (size_t i = 0; i < shape.size(); ++i)
    for (int64_t size :
         {int64_t{0}, shape[i] - 1, shape[i] + 1, 50 * shape[i]}) {
      all.push_back(shape);
      all.back()[i] = size;
    }
  return all;
}

void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

// ------------------------------------------------------ through C and XLA

// What such a call gives: why it failed, or nothing, and the outputs.
struct Given {
  std::string message;
  std::vector<FakeTensor> outputs;
};

// Outputs of the shapes of a call that went well, with nothing in them.
std::vector<FakeTensor> unfilled(const FakeCall& right) {
  std::vector<FakeTensor> outputs;
  for (const auto& [index, output] : right.outputs)
    outputs.push_back({output.type, output.shape,
                       std::vector<char>(output.bytes.size(), char(-1))});
  return outputs;
}

// All but the guard.
std::vector<FakeTensor> given_inputs(const FakeCall& call) {
  std::vector<FakeTensor> inputs = call.inputs;
  inputs.erase(inputs.begin() + 7);
  return inputs;
}

Given through_c(const std::string& operation, const FakeCall& call,
                const FakeCall& right) {
  const auto flag = [&](const char* name) {
    return int64_t{call.attributes.at(name) == "true"};
  };
  std::vector<FakeTensor> inputs = given_inputs(call);
  Given given{"", unfilled(right)};
  std::vector<int64_t> arrays;
  for (auto* tensors : {&inputs, &given.outputs})
    for (FakeTensor& tensor : *tensors) {
      arrays.push_back(tensor.type == TF_BOOL     ? 2
                       : tensor.type == TF_DOUBLE ? 1
                                                  : 0);
      arrays.push_back(tensor.shape.size());
      arrays.insert(arrays.end(), tensor.shape.begin(), tensor.shape.end());
      arrays.push_back(reinterpret_cast<int64_t>(tensor.bytes.data()));
    }
  std::vector<char> message(512);
  const KerasrnnCall c = {operation.c_str(),
                          call.attributes.at("family").c_str(),
                          "best",
                          flag("go_backwards"),
                          flag("zero_output_for_mask"),
                          flag("return_sequences"),
                          flag("keep_residuals"),
                          2,
                          static_cast<int64_t>(inputs.size()),
                          static_cast<int64_t>(given.outputs.size()),
                          arrays.data(),
                          static_cast<int64_t>(message.size()),
                          message.data()};
  if (!kerasrnn_call(&c)) given.message = message.data();
  return given;
}

XLA_FFI_Error* create_error(XLA_FFI_Error_Create_Args* args) {
  return reinterpret_cast<XLA_FFI_Error*>(new std::string(args->message));
}

Given through_xla(XLA_FFI_Handler* handler, const FakeCall& call,
                  const FakeCall& right) {
  std::vector<FakeTensor> inputs = given_inputs(call);
  Given given{"", unfilled(right)};
  const auto buffers = [](std::vector<FakeTensor>& tensors) {
    std::vector<XLA_FFI_Buffer> all;
    for (FakeTensor& tensor : tensors)
      all.push_back({sizeof(XLA_FFI_Buffer), nullptr,
                     tensor.type == TF_BOOL     ? XLA_FFI_DataType_PRED
                     : tensor.type == TF_DOUBLE ? XLA_FFI_DataType_F64
                                                : XLA_FFI_DataType_F32,
                     tensor.bytes.data(),
                     static_cast<int64_t>(tensor.shape.size()),
                     tensor.shape.data()});
    return all;
  };
  const auto pointers = [](std::vector<XLA_FFI_Buffer>& all) {
    std::vector<void*> each;
    for (XLA_FFI_Buffer& buffer : all) each.push_back(&buffer);
    return each;
  };
  std::vector<XLA_FFI_Buffer> in = buffers(inputs),
                              out = buffers(given.outputs);
  std::vector<void*> args = pointers(in), rets = pointers(out);

  const std::string family = call.attributes.at("family");
  XLA_FFI_ByteSpan text = {family.data(), family.size()};
  int64_t threads = 2;
  XLA_FFI_Scalar number = {XLA_FFI_DataType_S64, &threads};
  const char* flags[] = {"go_backwards", "zero_output_for_mask",
                         "return_sequences", "keep_residuals"};
  uint8_t values[4];
  XLA_FFI_Scalar scalars[4];
  std::vector<XLA_FFI_AttrType> types = {XLA_FFI_AttrType_STRING,
                                         XLA_FFI_AttrType_SCALAR};
  std::vector<void*> attributes = {&text, &number};
  std::vector<XLA_FFI_ByteSpan> spans = {{"family", 6}, {"threads", 7}};
  for (int i = 0; i < 4; ++i) {
    values[i] = call.attributes.at(flags[i]) == "true";
    scalars[i] = {XLA_FFI_DataType_PRED, &values[i]};
    types.push_back(XLA_FFI_AttrType_SCALAR);
    attributes.push_back(&scalars[i]);
    spans.push_back({flags[i], std::strlen(flags[i])});
  }
  std::vector<XLA_FFI_ByteSpan*> names;
  for (XLA_FFI_ByteSpan& span : spans) names.push_back(&span);

  XLA_FFI_Api api = {};
  api.XLA_FFI_Error_Create = create_error;
  XLA_FFI_CallFrame frame = {};
  frame.api = &api;
  frame.args.size = static_cast<int64_t>(args.size());
  frame.args.args = args.data();
  frame.rets.size = static_cast<int64_t>(rets.size());
  frame.rets.rets = rets.data();
  frame.attrs.size = static_cast<int64_t>(names.size());
  frame.attrs.types = types.data();
  frame.attrs.names = names.data();
  frame.attrs.attrs = attributes.data();
  if (XLA_FFI_Error* error = handler(&frame)) {
    auto* message = reinterpret_cast<std::string*>(error);
    given.message = *message;
    delete message;
  }
  return given;
}

struct Operation {
  const char *tensorflow, *c;
  XLA_FFI_Handler* xla;
};
const Operation kOperations[] = {
    {"KerasrnnForward", "forward", kerasrnn_xla_forward},
    {"KerasrnnBackward", "backward", kerasrnn_xla_backward},
    {"KerasrnnInputGradient", "input_gradient", kerasrnn_xla_input_gradient}};

// A call through TensorFlow, whose outcome the others must share.
void run_all(const Operation& operation, const std::string& what,
             FakeCall& call, const FakeCall& right) {
  const FakeCall before = call;  // an input's memory may become an output's
  call.run(operation.tensorflow);
  for (const Given& given : {through_c(operation.c, before, right),
                             through_xla(operation.xla, before, right)}) {
    // What is left out changes the shapes of outputs: theirs are given.
    const bool other_outputs =
        given.message.find("output ") != std::string::npos;
    if (given.message != call.message && !(call.code == TF_OK && other_outputs))
      fail(what + ": " + given.message + " | " + call.message);
    if (call.code != TF_OK || other_outputs) continue;
    for (size_t i = 0; i < given.outputs.size(); ++i)
      if (given.outputs[i].bytes != call.outputs.at(i).bytes)
        fail(what + ": another output " + std::to_string(i));
  }
}

// Whether an input without elements says the same as the one in its place.
bool is_equal(const FakeTensor& a, const FakeTensor& b) {
  return a.shape == b.shape || (a.bytes.empty() && b.bytes.empty());
}

int try_all(const Operation& operation, const Family& family,
            TF_DataType type) {
  const std::string name = std::string(operation.tensorflow) + " of " +
                           family.name +
                           (type == TF_DOUBLE ? " in float64" : "");
  FakeCall right = right_call(operation.tensorflow, family, type);
  FakeCall done = right;
  done.run(operation.tensorflow);
  for (bool forward_inputs : {false, true}) {
    FakeCall call = right;
    call.forward_inputs = forward_inputs;
    run_all(operation, name, call, done);
    if (call.code != TF_OK) fail(name + ": " + call.message);
  }
  int cases = 0;
  for (size_t i = 0; i < right.inputs.size(); ++i) {
    if (i == 7) continue;
    // Of another type than the others: TensorFlow itself refuses it, but what
    // is called through C or XLA may be anything.
    for (TF_DataType other : {TF_FLOAT, TF_DOUBLE, TF_BOOL}) {
      if (other == right.inputs[i].type || right.inputs[i].bytes.empty())
        continue;
      FakeCall call = right;
      call.inputs[i] = tensor(right.inputs[i].shape, other);
      run_all(operation, name + ", type of input " + std::to_string(i), call,
              done);
      if (call.code != TF_INVALID_ARGUMENT ||
          call.message.find("` must be ") == std::string::npos)
        fail(name + ", type of input " + std::to_string(i) + ": " +
             call.message);
      ++cases;
    }
    const bool optional = i == 5 || i == 6 || i == 11;
    for (const auto& shape : wrong_shapes(right.inputs[i].shape))
      for (bool forward_inputs : {false, true}) {
        FakeCall call = right;
        call.forward_inputs = forward_inputs;
        call.inputs[i] = tensor(shape, right.inputs[i].type);
        if (is_equal(call.inputs[i], right.inputs[i])) continue;
        const bool left_out = optional && shape == std::vector<int64_t>{0};
        run_all(operation, name + ", input " + std::to_string(i), call, done);
        if ((call.code == TF_OK) != left_out)
          fail(name + ", input " + std::to_string(i) + ": " + call.message);
        if (!left_out && (call.code != TF_INVALID_ARGUMENT ||
                          call.message.find("` must ") == std::string::npos))
          fail(name + ", input " + std::to_string(i) + ": " + call.message);
        ++cases;
      }
  }
  return cases;
}

// Sizes whose products do not fit into 64 bits.
int try_huge() {
  int cases = 0;
  const int64_t huge = int64_t{1} << 62;
  for (int64_t b : {int64_t{0}, huge})
    for (int64_t t : {int64_t{0}, huge})
      for (int64_t d : {int64_t{0}, huge})
        for (int64_t units : {int64_t{0}, int64_t{1}, huge})
          for (const char* operation : {"KerasrnnForward", "KerasrnnBackward",
                                        "KerasrnnInputGradient"}) {
            FakeCall call = right_call(operation, kFamilies[0], TF_FLOAT);
            const auto empty = [](std::vector<int64_t> shape) {
              return FakeTensor{TF_FLOAT, shape, {}};
            };
            call.inputs[0] = empty({b, t, d});
            call.inputs[1] = empty({b, units});
            call.inputs[3] = empty({d, units});
            call.inputs[4] = empty({units, units});
            call.inputs[5] = call.inputs[6] = empty({0});
            if (units == 1) call.inputs[4] = tensor({1, 1}, TF_FLOAT);
            if (b == 0 && t == 0 && d == 0 && units == 1) continue;
            call.attributes["threads"] = "2147483647";
            call.run(operation);
            if (call.code == TF_OK) fail("a huge size was taken");
            ++cases;
          }
  return cases;
}

}  // namespace

int main() {
  int cases = 0;
  auto all = [&](int* count) {
    for (const Family& family : kFamilies)
      for (const Operation& operation : kOperations)
        for (TF_DataType type : {TF_FLOAT, TF_DOUBLE})
          *count += try_all(operation, family, type);
  };
  all(&cases);
  cases += try_huge();
  std::printf("%d wrong inputs were refused\n", cases);
  std::fflush(stdout);
  std::_Exit(0);  // the pool's threads are never joined
}
