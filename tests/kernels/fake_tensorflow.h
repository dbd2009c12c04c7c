// As much of TensorFlow's C API as the operations use, over arrays that are
// allocated at their exact size, so that a sanitizer sees each wrong address.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "../../kerasrnn/kernels/native/tensorflow_c_api.h"

struct FakeTensor {
  TF_DataType type;
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

// Calls an operation. Its status, and its outputs.
struct FakeCall {
  std::map<std::string, std::string> attributes;
  std::vector<FakeTensor> inputs;
  TF_Code code = TF_OK;
  std::string message;
  std::map<int, FakeTensor> outputs;
  bool forward_inputs = false;

  void run(const std::string& operation);
};
