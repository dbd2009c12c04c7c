// Runs the operations without TensorFlow, for the sanitizers: right inputs,
// then each input of each operation wrong in turn. A wrong one is refused by
// its name; nothing is read or written beyond an array.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

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

FakeTensor tensor(std::vector<int64_t> shape, TF_DataType type = TF_FLOAT) {
  static std::mt19937 random(0);
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  if (type == TF_BOOL) {
    std::vector<char> bytes(count);
    for (char& valid : bytes) valid = random() % 2;
    return {type, shape, bytes};
  }
  std::vector<float> values(count);
  std::normal_distribution<float> normal;
  for (float& value : values) value = normal(random);
  std::vector<char> bytes(count * sizeof(float));
  if (count > 0) std::memcpy(bytes.data(), values.data(), bytes.size());
  return {type, shape, bytes};
}

// A call of an operation whose inputs are right.
FakeCall right_call(const std::string& operation, const Family& family) {
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
      tensor({B, T}, TF_BOOL),
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

// Whether an input without elements says the same as the one in its place.
bool is_equal(const FakeTensor& a, const FakeTensor& b) {
  return a.shape == b.shape || (a.bytes.empty() && b.bytes.empty());
}

int try_all(const std::string& operation, const Family& family) {
  const std::string name = operation + " of " + family.name;
  const FakeCall right = right_call(operation, family);
  for (bool forward_inputs : {false, true}) {
    FakeCall call = right;
    call.forward_inputs = forward_inputs;
    call.run(operation);
    if (call.code != TF_OK) fail(name + ": " + call.message);
  }
  int cases = 0;
  for (size_t i = 0; i < right.inputs.size(); ++i) {
    if (i == 7) continue;
    const bool optional = i == 5 || i == 6 || i == 11;
    for (const auto& shape : wrong_shapes(right.inputs[i].shape))
      for (bool forward_inputs : {false, true}) {
        FakeCall call = right;
        call.forward_inputs = forward_inputs;
        call.inputs[i] = tensor(shape, right.inputs[i].type);
        if (is_equal(call.inputs[i], right.inputs[i])) continue;
        const bool left_out = optional && shape == std::vector<int64_t>{0};
        call.run(operation);
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
            FakeCall call = right_call(operation, kFamilies[0]);
            const auto empty = [](std::vector<int64_t> shape) {
              return FakeTensor{TF_FLOAT, shape, {}};
            };
            call.inputs[0] = empty({b, t, d});
            call.inputs[1] = empty({b, units});
            call.inputs[3] = empty({d, units});
            call.inputs[4] = empty({units, units});
            call.inputs[5] = call.inputs[6] = empty({0});
            if (units == 1) call.inputs[4] = tensor({1, 1});
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
      for (const char* operation :
           {"KerasrnnForward", "KerasrnnBackward", "KerasrnnInputGradient"})
        *count += try_all(operation, family);
  };
  all(&cases);
  cases += try_huge();
  std::printf("%d wrong inputs were refused\n", cases);
  std::fflush(stdout);
  std::_Exit(0);  // the pool's threads are never joined
}
