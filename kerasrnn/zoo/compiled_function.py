"""A function of a model and tensors, compiled where the backend has a compiler."""

import keras


def compile_function(model, function, *, signature=None, static=()):
    """`function(*arguments)`, which reads `model`, without gradients.

    Args:
        model: The Keras model whose variables the function reads and leaves as they
            are.
        function: From nested lists of tensors to nested lists of tensors.
        signature: TensorFlow's specifications of the arguments, for one graph of all
            that they allow; None: as few graphs as it takes.
        static: Places of arguments that are numbers of Python, each value of which is
            a program of its own to JAX.
    """
    return COMPILERS[keras.config.backend()](model, function, signature, static)


def compile_with_tensorflow(model, function, signature, static):
    """A graph; of shapes that change, one for all of them."""
    import tensorflow as tf

    # Without AutoGraph: models are made of Keras's operations.
    return tf.function(
        function, input_signature=signature, autograph=False, reduce_retracing=True
    )


def compile_with_jax(model, function, signature, static):
    """One program for each set of shapes."""
    import jax

    def stateless(variables, *arguments):
        mapping = zip(model.variables, variables, strict=True)
        with keras.StatelessScope(state_mapping=mapping):
            return function(*arguments)

    # The variables come before the arguments.
    compiled = jax.jit(stateless, static_argnums=[place + 1 for place in static])
    return lambda *arguments: compiled([v.value for v in model.variables], *arguments)


def compile_with_torch(model, function, signature, static):
    """Nothing is compiled, but no gradients are kept."""
    import torch

    def run(*arguments):
        with torch.no_grad():
            return function(*arguments)

    return run


COMPILERS = {
    "tensorflow": compile_with_tensorflow,
    "jax": compile_with_jax,
    "torch": compile_with_torch,
}
