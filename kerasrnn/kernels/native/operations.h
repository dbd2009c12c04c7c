// The three operations, as every framework enters them: forward, backward and
// input_gradient (apart, so that a graph that needs no gradient of the inputs
// does not compute it). Float32 or float64, all arrays of a call the same, CPU.
//
// Arrays that a call does not have (bias, mask, c0 where the cell has none)
// are passed, and come back, with zero elements.

#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

#include "problem.h"

namespace kerasrnn {

// An instruction set: what it has for each type.
struct Instructions {
  const Kernels<float>* of_float;
  const Kernels<double>* of_double;

  template <class T>
  const Kernels<T>& of() const {
    if constexpr (std::is_same_v<T, float>) {
      return *of_float;
    } else {
      return *of_double;
    }
  }
};

struct Attributes {
  Family family = Family::kLstm;
  bool go_backwards = false;
  bool zero_output_for_mask = false;
  bool return_sequences = false;
  bool keep_residuals = false;
  int threads = 1;
  Instructions instructions = {};
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

// False if there is no such family.
bool set_family(Attributes& attributes, const char* name);
// "avx2" or "baseline", if the machine has better; "bfloat16", which rounds the
// factors of products, if the machine gains by it; else the best.
void set_instructions(Attributes& attributes, const char* name);

using Shape = std::initializer_list<int64_t>;

enum class Failure { kInvalid, kNoMemory };
enum class Type { kFloat, kDouble, kBool, kOther };

template <class T>
constexpr Type type_of() {
  if constexpr (std::is_same_v<T, uint8_t>) return Type::kBool;
  return std::is_same_v<T, float> ? Type::kFloat : Type::kDouble;
}
// As Python writes it.
const char* to_string(Type type);

// An array of a framework.
struct Array {
  Type type;
  std::vector<int64_t> shape;
  void* data;
};

// The inputs and outputs of one call. The first failure is kept: nothing is
// read or written after it.
class Call {
 public:
  virtual ~Call() = default;

  // The type of the weights, which that of all arrays must be: float32 or
  // float64, or kOther after a failure.
  Type type();
  // The size of dimension 0 of an input of rank 2, or -1.
  int64_t rows(int index, const char* name);
  // The sizes of the first two dimensions of an input of rank 3.
  bool rows_and_steps(int index, const char* name, int64_t* rows,
                      int64_t* steps);
  // The data of an input of the given shape, or null after a failure.
  template <class T>
  const T* input(int index, const char* name, Shape shape) {
    return static_cast<const T*>(data(index, name, shape, false, type_of<T>()));
  }
  // The same of an input that may be left out, in shape (0,): null if it is.
  template <class T>
  const T* optional_input(int index, const char* name, Shape shape) {
    return static_cast<const T*>(data(index, name, shape, true, type_of<T>()));
  }
  // An input that this family of cells has not: without elements.
  void no_input(int index, const char* name);

  template <class T>
  T* output(int index, Shape shape) {
    return static_cast<T*>(new_output(index, shape, type_of<T>()));
  }
  // An output that this call has not, without elements.
  template <class T>
  T* no_output(int index, Shape shape) {
    output<T>(index, shape);
    return nullptr;
  }
  // An output of `count` elements that begins as a copy of an input, or takes
  // over its memory if nobody else needs it. Nothing may hold the input before.
  template <class T>
  T* output_in_place(int index, int input, const char* name, int64_t count) {
    return static_cast<T*>(
        output_from(index, input, name, count, type_of<T>(), sizeof(T)));
  }

  bool ok() const { return ok_; }
  void fail(Failure failure, const std::string& message);
  void out_of_memory();

 protected:
  // What the framework gives. `input_array` and `output_array` fail where there
  // is none; the latter has the memory of input `reuse` if that may be.
  virtual bool input_array(int index, Array* array) = 0;
  virtual void* output_array(int index, Type type, Shape shape, int reuse,
                             bool* reused) = 0;
  // Lets go of an input that was only looked at.
  virtual void release_input(int) {}
  virtual void report(Failure failure, const char* message) = 0;
  void failed() { ok_ = false; }

 private:
  bool get(int index, Array* array) {
    return ok() && input_array(index, array);
  }
  const void* data(int index, const char* name, Shape shape, bool optional,
                   Type type);
  bool fits(const Array& array, const char* name, Shape shape, bool optional,
            Type type);
  void* new_output(int index, Shape shape, Type type);
  void* output_from(int index, int input, const char* name, int64_t count,
                    Type type, size_t element_bytes);
  bool can_be(Shape shape);

  bool ok_ = true;
};

// As Python writes a shape.
template <class Sizes>
std::string to_string(const Sizes& sizes) {
  std::string text;
  for (int64_t size : sizes)
    text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "(" + text + (sizes.size() == 1 ? ",)" : ")");
}

// Inputs 0 to 6 of each: sequences, h0, c0, kernel, recurrent_kernel, bias,
// mask. `backward` takes outputs, residuals, d_last_output, d_outputs, d_h and
// d_c besides, `input_gradient` records. What they give:

// last_output, outputs, h, c, residuals
void forward(const Attributes& attributes, Call& call);
// d_h0, d_c0, d_kernel, d_recurrent_kernel, d_bias, records
void backward(const Attributes& attributes, Call& call);
// d_x
void input_gradient(const Attributes& attributes, Call& call);

// The same, with no exception: C functions call it.
using Operation = void (*)(const Attributes&, Call&);
void run(Operation operation, const Attributes& attributes,
         Call& call) noexcept;

// The best instruction set that this machine has.
Instructions best_instructions();

}  // namespace kerasrnn
