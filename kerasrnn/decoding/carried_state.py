"""A decoder's state, of any structure, as the variables of a loop."""

from keras import ops, tree


class CarriedState:
    """The structure of a state, apart from its tensors.

    Leaves that are None stay None; numbers become tensors.

    Args:
        state: Any nesting of lists, tuples and dictionaries of tensors, each with
            the batch as first axis, or a scalar.
    """

    def __init__(self, state):
        self.state = state
        leaves = tree.flatten(state)
        self.present = [leaf is not None for leaf in leaves]
        self.tensors = [ops.convert_to_tensor(x) for x in leaves if x is not None]

    def pack(self, tensors):
        """The state that these tensors make."""
        left = iter(tensors)
        leaves = [next(left) if here else None for here in self.present]
        return tree.pack_sequence_as(self.state, leaves)

    def unpack(self, state) -> list:
        """The tensors of a state that a step returned.

        Raises:
            ValueError: The structure is another one than the step was given.
        """
        leaves = tree.flatten(state)
        if [leaf is not None for leaf in leaves] != self.present:
            raise ValueError(
                "`step` must return the state in the structure in which it got it: "
                f"{len(self.present)} leaves, {sum(self.present)} of them tensors; "
                f"got {len(leaves)} leaves, {sum(x is not None for x in leaves)} of "
                "them tensors."
            )
        return [leaf for leaf in leaves if leaf is not None]


def call_step(step, token_ids, carried: CarriedState, tensors):
    """`step`'s logits (B, V) in float32, alignments (B, S) or None, new tensors.

    Raises:
        ValueError: `step` returned something else.
    """
    result = step(token_ids, carried.pack(tensors))
    if not isinstance(result, (tuple, list)) or len(result) not in (2, 3):
        raise ValueError(
            "`step` must return (logits, state) or (logits, state, alignments); got "
            f"{type(result).__name__}"
            + (f" of {len(result)}." if isinstance(result, (tuple, list)) else ".")
        )
    logits, state, *others = result
    if len(logits.shape) != 2:
        raise ValueError(
            f"`step` must return logits (batch, vocabulary); got {logits.shape}."
        )
    alignments = others[0] if others else None
    return ops.cast(logits, "float32"), alignments, carried.unpack(state)


def log_probabilities(logits, log_sums):
    """Log-probabilities of some logits, given the logarithm of the sum of all.

    A logit of +inf is a token that is certain. Where all logits are -inf, or one is
    NaN, nothing can come next: -inf.

    Args:
        logits: Those of the tokens that are asked for, (..., N).
        log_sums: (..., 1), log Σ exp of all logits.
    """
    certain = logits == float("inf")
    found = ops.where(certain, 0.0, logits - ops.where(certain, 0.0, log_sums))
    return ops.where(is_dead(log_sums), float("-inf"), found)


def is_dead(log_sums):
    """Where nothing can come next: all logits are -inf, or one is NaN."""
    return ops.logical_or(ops.isnan(log_sums), log_sums == float("-inf"))


def while_loop(condition, body, variables: list) -> list:
    """`keras.ops.while_loop` whose variables keep their shapes and dtypes.

    TensorFlow refuses a variable whose static shape a step forgets.

    Raises:
        ValueError: `body` changes a variable's rank or a size that is known.
    """

    def keep(new, old):
        new = ops.cast(new, old.dtype)
        sizes = list(zip(tuple(new.shape), tuple(old.shape), strict=False))
        changed = any(m != n for m, n in sizes if m is not None and n is not None)
        if len(new.shape) != len(old.shape) or changed:
            raise ValueError(
                "A step of a decoder may not change the shapes of its state; got "
                f"{tuple(new.shape)} for {tuple(old.shape)}."
            )
        return ops.reshape(new, ops.shape(old))

    def stable_body(*old):
        return [keep(m, n) for m, n in zip(body(*old), old, strict=True)]

    return list(ops.while_loop(condition, stable_body, variables))
