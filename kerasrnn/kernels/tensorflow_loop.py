"""The loop over time of TensorFlow's kernels, and the halves of a batch in it.

Rows of a batch never meet, and most operations on one step are too small for more
than one core: so two halves of the batch go through the loop side by side.
"""

import tensorflow as tf

# Steps in one iteration of a loop: an iteration of tf.while_loop costs about as much
# as a small step.
STEPS_AT_ONCE = 5


def loop(steps, body, loop_vars):
    """Runs `body(t, *loop_vars) -> loop_vars` for t = 0 … steps - 1."""

    def run_while(t, loop_vars, steps_at_once, maximum_iterations):
        def several(t, *loop_vars):
            for k in range(steps_at_once):
                loop_vars = body(t + k, *loop_vars)
            return (t + steps_at_once, *loop_vars)

        t, *loop_vars = tf.while_loop(
            lambda t, *_: t + steps_at_once <= steps,
            several,
            (t, *loop_vars),
            # XLA differentiates loops with a known bound only.
            maximum_iterations=maximum_iterations,
        )
        return t, loop_vars

    t, k = tf.constant(0), STEPS_AT_ONCE
    known = isinstance(steps, int)
    if not known or steps >= k:
        t, loop_vars = run_while(t, loop_vars, k, steps // k)
    if not known or steps % k:
        t, loop_vars = run_while(t, loop_vars, 1, k - 1)
    return loop_vars


def select(mask, new, old):
    """`new` in the rows where `mask` (B,) holds, `old` in the others."""
    return tf.where(tf.reshape(mask, [-1] + [1] * (len(new.shape) - 1)), new, old)


def number_of_chains(batch, recurrence):
    """Two where half a step is work enough for a core, else one."""
    if tf.executing_eagerly():  # one operation after the other, whatever is asked for
        return 1
    if batch is None:  # one row may well be all that inference gets
        batch = 32 if recurrence.training else 1
    return 2 if batch > 1 and batch * recurrence.output_size >= 4096 else 1


def split_rows(a, axis, chains):
    """The parts of a, one for each chain. Of None, None."""
    if a is None or chains == 1:
        return [a] * chains
    rows = a.shape[axis] or tf.shape(a)[axis]
    return tf.split(a, [rows // 2, rows - rows // 2], axis=axis)


def join(parts, axis):
    """The chains' parts as one."""
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis)


def number_of_steps(x):
    """T of x (T, B, D): an integer where it is known, else a tensor."""
    return x.shape[0] or tf.shape(x)[0]
