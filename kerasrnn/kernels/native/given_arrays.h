// A call whose inputs and outputs are arrays that lie in memory already.

#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "operations.h"

namespace kerasrnn {

class GivenArrays : public Call {
 public:
  GivenArrays(std::vector<Array> inputs, std::vector<Array> outputs)
      : inputs_(std::move(inputs)), outputs_(std::move(outputs)) {}

  // Of the first failure; empty if there was none.
  const char* message() const { return message_; }
  Failure failure() const { return failure_; }

 private:
  bool input_array(int index, Array* array) override {
    if (index >= static_cast<int>(inputs_.size())) {
      fail(Failure::kInvalid, "an input is missing.");
      return false;
    }
    *array = inputs_[index];
    return true;
  }

  void* output_array(int index, Type type, Shape shape, int reuse,
                     bool* reused) override {
    if (index >= static_cast<int>(outputs_.size())) {
      fail(Failure::kInvalid, "an output is missing.");
      return nullptr;
    }
    const Array& array = outputs_[index];
    if (array.type != type || array.shape != std::vector<int64_t>(shape)) {
      fail(Failure::kInvalid, "output " + std::to_string(index) + " must be " +
                                  to_string(type) + " of the shape " +
                                  to_string(shape) + "; got " +
                                  to_string(array.shape) + ".");
      return nullptr;
    }
    *reused = reuse >= 0 && inputs_[reuse].data == array.data;
    return array.data;
  }

  // Takes no memory itself.
  void report(Failure failure, const char* message) override {
    failure_ = failure;
    strncpy(message_, message, sizeof message_ - 1);
  }

  std::vector<Array> inputs_, outputs_;
  char message_[512] = {};
  Failure failure_ = Failure::kInvalid;
};

}  // namespace kerasrnn
