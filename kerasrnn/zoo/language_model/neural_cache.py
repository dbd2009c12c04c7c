from typing import Any

import numpy as np
from keras import ops

# So many characters ask the memory at once.
BLOCK = 128


class NeuralCache:
    """Remembers the last characters of a text, and what came after moments like this.

    k_t     = h_t / ‖h_t‖
    w_{t,i} = exp(θ (k_t · k_i − 1))                  i = t − W … t − 1
    p(y_t)  = (p_model(y_t) + Σ_i w_{t,i} [y_i = y_t]) / (1 + Σ_i w_{t,i})

    The model's own distribution counts as one observation, and so does each remembered
    moment in which the model was in just the same state. So a name that a play's first
    page holds is likely on the second, though no play of the training had it. It has
    no weights and learns nothing in training. What a model writes itself is no
    evidence, and would make it say the same again and again: it remembers what it read.

    Args:
        size: W, how many characters are remembered.
        sharpness: θ: how alike moments must be in order to count.

    Call arguments:
        logits: (B, T, V) of the model.
        outputs: The last recurrent layer's, (B, T, U).
        ids: The characters that were read, (B, T); 0 is none.
        state: What `initial_state` or the call before gave: keys (B, S, U) and their
            characters (B, S). S characters are remembered, however many W is.
        mask: (B, T), where a row's last characters do not count; or None.
        remember: Whether these characters are remembered; if not, the state only marks
            that they came between, so that none of what is remembered later counts as
            having followed what was remembered before. A boolean, or where T is 1 a
            tensor of booleans (B,).

    Output shape:
        That of `logits`: the logarithm of p; and the state after the last character.

    Example:

    >>> import numpy as np
    >>> cache = NeuralCache(4)
    >>> ids, outputs = np.array([[5, 7, 5]]), np.eye(3, 2)[[0, 1, 0]][None]
    >>> p, state = cache(
    ...     np.zeros((1, 3, 9)), outputs, ids, cache.initial_state(1, units=2)
    ... )
    >>> ops.convert_to_numpy(ops.argmax(p[0, 2])).item()  # 7 came after 5 before
    7

    Reference: Grave et al. 2017, "Improving Neural Language Models with a Continuous
    Cache", the variant normalised as a whole; here the keys are of length 1.
    """

    def __init__(self, size: int, sharpness: float = 15.0):
        self.size = size
        self.sharpness = sharpness

    def initial_state(
        self, batch_size: Any, units: int, length: Any = None
    ) -> list[Any]:
        """Nothing is remembered: keys (B, S, U), and their characters (B, S).

        Args:
            batch_size: B.
            units: U.
            length: How many characters will be read at most, an integer or a scalar
                tensor: S is this or W, whichever is less. None: S is W.
        """
        size = self.size
        if isinstance(length, int):
            size = min(size, length)
        elif length is not None:
            size = ops.minimum(size, length)
        return [
            ops.zeros((batch_size, size, units), "float32"),
            ops.zeros((batch_size, size), "int32"),
        ]

    def __call__(
        self,
        logits: Any,
        outputs: Any,
        ids: Any,
        state: list[Any],
        mask: Any = None,
        remember: Any = True,
    ) -> tuple[Any, list[Any]]:
        options = {"mask": mask, "remember": remember}
        characters = logits.shape[-1]
        counts, state = self.count(outputs, ids, state, characters, **options)
        return mixed(logits, counts), state

    def count(
        self,
        outputs: Any,
        ids: Any,
        state: list[Any],
        characters: int,
        *,
        mask: Any = None,
        remember: Any = True,
    ) -> tuple[Any, list[Any]]:
        """Σ_i w_{t,i} [y_i = c] of each character c, (B, T, V), and the state after.

        Args:
            outputs: The last recurrent layer's, (B, T, U).
            ids: The characters that were read, (B, T).
            state: What `initial_state` or the call before gave.
            characters: V.
            mask: (B, T), or None.
            remember: Whether these characters are remembered.
        """
        if not isinstance(remember, (bool, np.bool_)):
            return self._remember_some(outputs, ids, state, characters, remember)
        if not remember:
            keys, said = state
            counts = self._counts(keys_of(outputs), keys, following(said), characters)
            return counts, [keys, with_gap(said)]
        keys, said = joined(outputs, ids, state, mask)
        size = ops.shape(state[0])[1]
        shape = (*outputs.shape[:2], characters)
        counts = self._counts_while_reading(keys, following(said), size, shape)
        return counts, last_of(keys, said, size, mask)

    def read(
        self, outputs: Any, ids: Any, state: list[Any], mask: Any = None
    ) -> list[Any]:
        """The state after characters (B, T), whose probabilities nobody asks for."""
        keys, said = joined(outputs, ids, state, mask)
        return last_of(keys, said, ops.shape(state[0])[1], mask)

    def _remember_some(self, outputs, ids, state, characters, remember):
        """Reads a character of each row, which only some rows remember."""
        mask = ops.convert_to_tensor(remember, "bool")[:, None]
        counts, (keys, said) = self.count(outputs, ids, state, characters, mask=mask)
        return counts, [keys, ops.where(mask, said, with_gap(said))]

    def _counts(self, queries, keys, after, characters, seen=1.0):
        """Σ_i w_{t,i} [y_i = c], (B, T, V): as often came each character c."""
        alike = ops.einsum("btu,bsu->bts", queries, keys)
        weights = ops.exp(self.sharpness * (alike - 1.0)) * seen
        weights = weights * ops.cast(after != 0, "float32")[:, None]
        return ops.matmul(weights, ops.one_hot(after, characters, dtype="float32"))

    def _counts_while_reading(self, keys, after, size, shape):
        """The same, where each moment remembers those before it."""
        _, length, characters = shape
        block = BLOCK if length is None else min(BLOCK, length)
        # Of each query the S moments before it, and no later one.
        places = ops.arange(size + block, dtype="int32")
        apart = places[None] - places[:block, None]
        seen = ops.cast((apart >= 0) & (apart < size), "float32")

        def count(keys, after):
            return self._counts(keys[:, size:], keys, after, characters, seen)

        def count_block(begin):
            here = begin + ops.arange(size + block, dtype="int32")
            return count(ops.take(keys, here, axis=1), ops.take(after, here, axis=1))

        if length == block:
            return count(keys, after)
        length = ops.shape(keys)[1] - size
        blocks = (length + block - 1) // block
        pads = [[0, 0], [0, blocks * block - length]]
        keys, after = ops.pad(keys, [*pads, [0, 0]]), ops.pad(after, pads)
        counts = ops.map(count_block, ops.arange(blocks, dtype="int32") * block)
        counts = ops.transpose(counts, (1, 0, 2, 3))  # of blocks first
        shape = (ops.shape(keys)[0], blocks * block, characters)
        return ops.reshape(counts, shape)[:, :length]


def keys_of(outputs):
    """k (B, T, U), of length 1."""
    keys = ops.cast(outputs, "float32")
    return keys / ops.maximum(ops.norm(keys, axis=-1, keepdims=True), 1e-6)


def joined(outputs, ids, state, mask):
    """The keys and characters of a state (B, S) and of T more, (B, S + T)."""
    ids = ops.cast(ids, "int32")
    if mask is not None:
        ids = ops.where(mask, ids, 0)
    pairs = zip(state, (keys_of(outputs), ids), strict=True)
    return [ops.concatenate(pair, axis=1) for pair in pairs]


def last_of(keys, said, size, mask):
    """The last `size` of keys and characters (B, S + T) that a mask (B, T) shows."""
    if mask is None:
        begin = ops.shape(said)[1] - size
        return [keys[:, begin:], said[:, begin:]]
    read = ops.sum(ops.cast(mask, "int32"), axis=1)
    last = read[:, None] + ops.arange(size, dtype="int32")
    return [
        ops.take_along_axis(keys, last[:, :, None], axis=1),
        ops.take_along_axis(said, last, axis=1),
    ]


def with_gap(said):
    """Characters (B, S), of whose last one nobody is to learn what comes next.

    It becomes negative: whatever is remembered later does not follow it.
    """
    return ops.concatenate([said[:, :-1], -ops.abs(said[:, -1:])], axis=1)


def mixed(logits, counts):
    """ln p (B, T, V) of a model's logits, as one observation, and of counts."""
    known = ops.log_softmax(ops.cast(logits, "float32"))
    total = ops.log1p(ops.sum(counts, axis=-1, keepdims=True))
    return ops.logaddexp(known, ops.log(counts + 1e-30)) - total


def following(said):
    """The character after each (B, S), where both are known; else 0."""
    after = ops.pad(ops.abs(said[:, 1:]), [[0, 0], [0, 1]])
    return ops.where(said > 0, after, 0)
