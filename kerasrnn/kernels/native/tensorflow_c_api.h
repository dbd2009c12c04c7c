// The part of TensorFlow's C API for operations and kernels that is used
// here, declared again so that the library compiles without TensorFlow's
// headers (pip builds in an environment that has none) and serves every
// TensorFlow version: the C API is kept stable. The symbols are found in the
// process that loads the library; where TensorFlow is not in it, they are null.
//
// From tensorflow/c/{ops,kernels,tf_tensor,tf_status,tf_datatype}.h.

#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct TF_Status;
struct TF_Tensor;
struct TF_OpDefinitionBuilder;
struct TF_ShapeHandle;
struct TF_ShapeInferenceContext;
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;

enum TF_Code { TF_OK = 0, TF_INVALID_ARGUMENT = 3, TF_RESOURCE_EXHAUSTED = 8 };
enum TF_DataType { TF_FLOAT = 1, TF_DOUBLE = 2, TF_BOOL = 10 };

#define TF_WEAK __attribute__((weak))

TF_WEAK TF_Status* TF_NewStatus();
TF_WEAK void TF_DeleteStatus(TF_Status*);
TF_WEAK void TF_SetStatus(TF_Status*, TF_Code, const char* message);
TF_WEAK TF_Code TF_GetCode(const TF_Status*);
TF_WEAK const char* TF_Message(const TF_Status*);

TF_WEAK void TF_DeleteTensor(TF_Tensor*);
TF_WEAK TF_DataType TF_TensorType(const TF_Tensor*);
TF_WEAK int TF_NumDims(const TF_Tensor*);
TF_WEAK int64_t TF_Dim(const TF_Tensor*, int dimension);
TF_WEAK void* TF_TensorData(const TF_Tensor*);

TF_WEAK TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char* name);
TF_WEAK void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder*,
                                           const char* spec);
TF_WEAK void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder*,
                                            const char* spec);
TF_WEAK void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder*,
                                             const char* spec);
TF_WEAK void TF_OpDefinitionBuilderSetShapeInferenceFunction(
    TF_OpDefinitionBuilder*,
    void (*shape_inference)(TF_ShapeInferenceContext*, TF_Status*));
TF_WEAK void TF_RegisterOpDefinition(TF_OpDefinitionBuilder*, TF_Status*);

TF_WEAK TF_ShapeHandle* TF_NewShapeHandle();
TF_WEAK void TF_ShapeInferenceContextSetUnknownShape(TF_ShapeInferenceContext*,
                                                     TF_Status*);
TF_WEAK void TF_DeleteShapeHandle(TF_ShapeHandle*);
TF_WEAK void TF_ShapeInferenceContextGetInput(TF_ShapeInferenceContext*,
                                              int index, TF_ShapeHandle*,
                                              TF_Status*);
TF_WEAK void TF_ShapeInferenceContextSetOutput(TF_ShapeInferenceContext*,
                                               int index, TF_ShapeHandle*,
                                               TF_Status*);
TF_WEAK void TF_ShapeInferenceContextWithRank(TF_ShapeInferenceContext*,
                                              TF_ShapeHandle*, int64_t rank,
                                              TF_ShapeHandle* result,
                                              TF_Status*);
TF_WEAK void TF_ShapeInferenceContextSubshape(TF_ShapeInferenceContext*,
                                              TF_ShapeHandle*, int64_t start,
                                              int64_t end,
                                              TF_ShapeHandle* result,
                                              TF_Status*);
TF_WEAK void TF_ShapeInferenceContextConcatenateShapes(
    TF_ShapeInferenceContext*, TF_ShapeHandle* first, TF_ShapeHandle* second,
    TF_ShapeHandle* result, TF_Status*);

TF_WEAK TF_KernelBuilder* TF_NewKernelBuilder(
    const char* op_name, const char* device_name,
    void* (*create)(TF_OpKernelConstruction*),
    void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*));
TF_WEAK void TF_RegisterKernelBuilder(const char* kernel_name,
                                      TF_KernelBuilder*, TF_Status*);
TF_WEAK void TF_OpKernelConstruction_GetAttrBool(TF_OpKernelConstruction*,
                                                 const char* name,
                                                 unsigned char* value,
                                                 TF_Status*);
TF_WEAK void TF_OpKernelConstruction_GetAttrInt32(TF_OpKernelConstruction*,
                                                  const char* name,
                                                  int32_t* value, TF_Status*);
TF_WEAK void TF_OpKernelConstruction_GetAttrString(TF_OpKernelConstruction*,
                                                   const char* name,
                                                   char* value,
                                                   size_t max_length,
                                                   TF_Status*);
TF_WEAK void TF_OpKernelConstruction_GetAttrSize(TF_OpKernelConstruction*,
                                                 const char* name,
                                                 int32_t* list_size,
                                                 int32_t* total_size,
                                                 TF_Status*);
TF_WEAK void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction*,
                                             TF_Status*);
TF_WEAK void TF_OpKernelContext_Failure(TF_OpKernelContext*, TF_Status*);
TF_WEAK void TF_GetInput(TF_OpKernelContext*, int index, TF_Tensor**,
                         TF_Status*);
TF_WEAK TF_Tensor* TF_AllocateOutput(TF_OpKernelContext*, int index,
                                     TF_DataType, const int64_t* dims,
                                     int num_dims, size_t bytes, TF_Status*);
TF_WEAK TF_Tensor* TF_ForwardInputOrAllocateOutput(
    TF_OpKernelContext*, const int* candidate_inputs, int num_candidates,
    int output_index, const int64_t* dims, int num_dims, int* forwarded_input,
    TF_Status*);

}  // extern "C"
