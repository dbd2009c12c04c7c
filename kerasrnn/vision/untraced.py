"""Runs a function where Keras traces nothing."""

import contextlib
from concurrent import futures

import keras


def untraced(function):
    """The function's result, computed outside of any trace that is under way.

    `fit` builds a model that is not built yet inside a trace. There, variables have
    no values yet, and trained weights that are loaded into them are lost without a
    word. A trace belongs to its thread, so that a thread of its own has none; what
    else belongs to the thread and decides how variables are made goes along.

    Args:
        function: without arguments.
    """
    policy = keras.config.dtype_policy()
    distribution = keras.distribution.distribution()
    scope = contextlib.nullcontext()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.distribute.has_strategy():
            scope = tf.distribute.get_strategy().scope()

    def run():
        keras.config.set_dtype_policy(policy)
        if distribution is not None:
            keras.distribution.set_distribution(distribution)
        with scope:
            return function()

    with futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()
