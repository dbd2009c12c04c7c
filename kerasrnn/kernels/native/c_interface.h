// The operations as a process calls them that has loaded the library by ctypes
// (native_torch.py declares the same), and what it asks of the library.

#pragma once

#include <cstdint>

extern "C" {

struct KerasrnnCall {
  const char* operation;  // "forward", "backward" or "input_gradient"
  const char* family;
  const char* instructions;
  int64_t go_backwards, zero_output_for_mask, return_sequences, keep_residuals;
  int64_t threads;
  int64_t inputs, outputs;
  // Of each input, then of each output: type (0 float32, 1 float64, 2 boolean,
  // 3 another), rank, as many sizes, address. One list, since Python makes few
  // objects of it.
  const int64_t* arrays;
  int64_t message_bytes;
  char* message;  // out: why it failed
};

// Whether it succeeded.
__attribute__((visibility("default"))) bool kerasrnn_call(
    const KerasrnnCall* call);

// How many numbers of a type (0 or 1) a step of a row leaves behind for the
// backward pass.
__attribute__((visibility("default"))) int64_t kerasrnn_record_floats(
    const char* family, const char* instructions, int64_t type, int64_t units);

// What is in use for a type (0 or 1) where those instructions are asked for, in
// words.
__attribute__((visibility("default"))) const char* kerasrnn_instructions(
    const char* instructions, int64_t type);

}  // extern "C"
