from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import (
    Constraint,
    Initializer,
    Regularizer,
    Shape,
    Tensor,
    flag,
    keras_object,
    positive_integer,
)
from kerasrnn.layers.attention_layer import unseen
from kerasrnn.layers.call_checks import (
    as_tensor,
    check_real,
    shapes_agree,
    standardize_mask,
    static_shape,
)
from kerasrnn.layers.linear_chain import (
    LinearChain,
    best_path,
    is_symbolic,
    log_marginals,
    log_partition,
    path_score,
)


@keras.saving.register_keras_serializable(package="kerasrnn")
class CRF(keras.layers.Layer):
    """Linear-chain conditional random field: a tag at every step, and all in view.

    s(x, y) = start(y_1) + Σ_t e_t(y_t) + Σ_{t>1} A(y_{t-1}, y_t) + end(y_T)
    log P(y | x) = s(x, y) - log Σ_y' exp s(x, y')

    e are the emissions, what the layers before say of each step by itself; A says
    which tags follow each other. What comes out are the logarithms of the marginals,
    log P(y_t = c | x), which are logits as a `Dense` layer's are: their softmax is P.
    So Keras's own losses and metrics work with them:

        model.compile("adam", SparseCategoricalCrossentropy(from_logits=True))

    maximizes Σ_t log P(y_t | x). What the classic CRF maximizes, log P(y | x) of
    whole sequences, is added as the layer's own loss where the right tags are an input
    as well (`crf(emissions, tags)`, then `compile("adam")` without a loss), and is
    `log_likelihood` in a training step of one's own.

    Args:
        classes: C, the number of tags.
        use_boundary: Whether there are scores of the first tag and of the last.
        transition_initializer: Initializer of A, start and end. With zeros the layer
            begins as a softmax at every step.
        transition_regularizer: Regularizer of A, start and end.
        transition_constraint: Constraint on A, start and end.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        emissions: (B, T, C).
        tags: (B, T) integers from 0 to C - 1, those of the training data, or None. With
            them the layer adds a loss: -log P(y | x), its sum over the batch divided by
            the number of steps. What is returned does not depend on them.
        mask: (B, T) booleans, True where a step counts; by default the mask that the
            layer before attached to `emissions`.
        decode: Whether to return the most likely sequence of tags instead, such as
            for the model that is served: `keras.Model(x, crf(emissions, decode=True))`.
        emissions_mask: As `mask`. Keras passes the attached mask by this name where
            `tags` come as well.

    Output shape:
        log P(y_t = c | x), (B, T, C), in float32 also where the policy is half
        precision. With `decode`, tags (B, T) in int32.

    Masking:
        Masked steps, wherever they are, are no part of the chain: the last step before
        them and the first after them are neighbours. Their output is zeros, whatever
        they hold, also NaN.

    Raises:
        ValueError: A wrong number of classes, rank or shape; a tag out of range, where
            values are known when the call is made. In a graph its row is NaN.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.layers import CRF
    >>> crf = CRF(3)
    >>> emissions = np.array([[[4.0, 0, 0], [0, 1, 0], [0, 0, 2]]])
    >>> np.exp(crf(emissions))[0, 0].round(2)
    array([0.96, 0.02, 0.02], dtype=float32)
    >>> tags, scores = crf.decode(emissions)
    >>> tags.numpy(), scores.numpy()
    (array([[0, 1, 2]], dtype=int32), array([7.], dtype=float32))
    >>> crf.log_likelihood(emissions, tags).numpy().round(3)
    array([-0.827], dtype=float32)

    Reference: Lafferty et al. 2001, "Conditional Random Fields"; Sutton and McCallum
    2012, "An Introduction to Conditional Random Fields", section 4.1 (recursions);
    Kakade et al. 2002, "An Alternate Objective Function for Markovian Fields" (the sum
    of log marginals).
    """

    def __init__(
        self,
        classes: int,
        *,
        use_boundary: bool = True,
        transition_initializer: Initializer = "zeros",
        transition_regularizer: Regularizer = None,
        transition_constraint: Constraint = None,
        **kwargs: Any,
    ) -> None:
        classes = positive_integer("classes", classes)
        use_boundary = flag("use_boundary", use_boundary)
        # Emissions are not cut to half precision.
        super().__init__(**kwargs, autocast=False)
        self.supports_masking = True
        self.classes = classes
        self.use_boundary = use_boundary
        for argument, value in (
            ("transition_initializer", transition_initializer),
            ("transition_regularizer", transition_regularizer),
            ("transition_constraint", transition_constraint),
        ):
            setattr(self, argument, keras_object(argument, value))
        self.transitions = self.add_scores("transitions", (classes, classes))
        self.start = self.end = None
        if use_boundary:
            self.start = self.add_scores("start", (classes,))
            self.end = self.add_scores("end", (classes,))

    def add_scores(self, name: str, shape: Shape) -> keras.Variable:
        """A weight that is added to emissions."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=unseen(self.transition_initializer),
            regularizer=self.transition_regularizer,
            constraint=self.transition_constraint,
            autocast=False,
        )

    @property
    def score_dtype(self) -> str:
        """What scores are computed in: float32 where the policy is half of it."""
        return keras.backend.result_type(self.compute_dtype, "float32")

    def __call__(self, emissions: Tensor, *args: Any, **kwargs: Any):
        check_emissions(self, emissions)
        return super().__call__(emissions, *args, **kwargs)

    def build(self, emissions_shape: Shape) -> None:
        self.built = True

    def call(
        self,
        emissions: Tensor,
        tags: Tensor | None = None,
        mask: Tensor | None = None,
        decode: bool = False,
        emissions_mask: Tensor | None = None,
    ) -> Tensor:
        mask = emissions_mask if mask is None else mask
        if decode:
            return self.decode(emissions, mask)[0]
        chain = self.chain(emissions, mask)
        if tags is not None:
            self.add_loss(self.mean_loss(chain, tags))
        return log_marginals(chain)

    def log_likelihood(
        self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """log P(y | x) of each row, (B,); 0 where all steps are masked.

        Its gradients are exact and cost little more than the value; they cannot be
        differentiated again on every backend.

        Args:
            emissions: (B, T, C).
            tags: (B, T) integers from 0 to C - 1; at masked steps they may be anything.
            mask: (B, T) booleans, True where a step counts; by default the mask that is
                attached to `emissions`.
        """
        chain = self.chain(emissions, mask)
        return self.log_likelihood_in(chain, tags)

    def marginals(self, emissions: Tensor, mask: Tensor | None = None) -> Tensor:
        """P(y_t = c | x) of every step, (B, T, C); zeros where it is masked.

        Args:
            emissions: (B, T, C).
            mask: (B, T) booleans, True where a step counts; by default the mask that is
                attached to `emissions`.
        """
        chain = self.chain(emissions, mask)
        marginals = ops.exp(log_marginals(chain))
        if chain.mask is None:
            return marginals
        return ops.where(chain.mask[:, :, None], marginals, 0.0)

    def decode(
        self, emissions: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The most likely sequence of tags, by the Viterbi algorithm.

        Args:
            emissions: (B, T, C).
            mask: (B, T) booleans, True where a step counts; by default the mask that is
                attached to `emissions`.

        Returns:
            The tags y (B, T) in int32, 0 where a step is masked, and their scores
            s(x, y), (B,), 0 where all steps are.
        """
        return self.decode_in(self.chain(emissions, mask))

    def decode_in(self, chain: LinearChain) -> tuple[Tensor, Tensor]:
        """The most likely tags of the chains, (B, T), and their scores, (B,)."""
        tags, scores = best_path(chain)
        tags = ops.cast(tags, "int32")
        if chain.mask is None:
            return tags, scores
        tags = ops.where(chain.mask, tags, ops.zeros_like(tags))
        return tags, ops.where(ops.any(chain.mask, axis=1), scores, 0.0)

    def chain(self, emissions: Tensor, mask: Tensor | None) -> LinearChain:
        """The scores that sequences of tags are made of."""
        if is_symbolic(emissions):
            raise ValueError(
                f"`emissions` must be numbers for a method of layer {self.name!r}; got "
                "a symbolic tensor. In a functional model call the layer: "
                "`crf(emissions)`, or `crf(emissions, decode=True)` for tags."
            )
        check_emissions(self, emissions)
        if not hasattr(emissions, "shape"):
            emissions = as_tensor(emissions)
        return self.chain_of(as_tensor(emissions), standardize_mask(mask, emissions))

    def chain_of(self, emissions: Tensor, mask: Tensor | None) -> LinearChain:
        """As `chain`, of tensors that are as they should be, or symbolic."""
        emissions = ops.cast(emissions, self.score_dtype)
        if mask is not None:
            emissions = ops.where(mask[:, :, None], emissions, 0.0)
        transitions = ops.cast(self.transitions, self.score_dtype)
        if self.use_boundary:
            start, end = (ops.cast(w, self.score_dtype) for w in (self.start, self.end))
        else:
            start = end = ops.zeros((self.classes,), self.score_dtype)
        return LinearChain(emissions, transitions, start, end, mask)

    def log_likelihood_in(self, chain: LinearChain, tags: Tensor) -> Tensor:
        """log P(y | x) of `tags` in the chains, (B,)."""
        tags = check_tags(self, tags, chain)
        known = ops.logical_and(tags >= 0, tags < self.classes)
        if chain.mask is not None:
            known = ops.logical_or(known, ops.logical_not(chain.mask))
        scores = path_score(chain, ops.clip(tags, 0, self.classes - 1))
        result = scores - log_partition(chain)
        if chain.mask is not None:
            result = ops.where(ops.any(chain.mask, axis=1), result, 0.0)
        # What cannot raise in a graph must be seen all the same.
        return ops.where(ops.all(known, axis=1), result, float("nan"))

    def mean_loss(self, chain: LinearChain, tags: Tensor) -> Tensor:
        """-log P(y | x), its sum over the batch divided by the number of steps."""
        loss = -ops.sum(self.log_likelihood_in(chain, tags))
        shown = ops.ones_like(chain.emissions[:, :, 0])
        if chain.mask is not None:
            shown = ops.cast(chain.mask, self.score_dtype)
        return ops.divide_no_nan(loss, ops.sum(shown))

    def compute_output_spec(
        self,
        emissions: Tensor,
        tags: Tensor | None = None,
        mask: Tensor | None = None,
        decode: bool = False,
        emissions_mask: Tensor | None = None,
    ) -> keras.KerasTensor:
        shape = tuple(emissions.shape)
        if decode:
            return keras.KerasTensor(shape[:2], "int32")
        return keras.KerasTensor(shape, self.score_dtype)

    def compute_output_shape(self, emissions_shape: Shape) -> Shape:
        return tuple(emissions_shape)

    def compute_mask(self, emissions: Tensor, previous_mask: Any) -> Any:
        return previous_mask

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "classes": self.classes,
            "use_boundary": self.use_boundary,
            "transition_initializer": keras.initializers.serialize(
                self.transition_initializer
            ),
            "transition_regularizer": keras.regularizers.serialize(
                self.transition_regularizer
            ),
            "transition_constraint": keras.constraints.serialize(
                self.transition_constraint
            ),
        }


def check_emissions(layer, emissions):
    """`emissions` must be real numbers (batch, steps, classes), at least one step."""
    check_real(layer, "emissions", emissions)
    found = static_shape(emissions)
    if not hasattr(emissions, "shape"):
        found = np.shape(emissions)
    if not shapes_agree(found, (None, None, layer.classes)):
        raise ValueError(
            f"`emissions` of layer {layer.name!r} must be (batch, steps, classes="
            f"{layer.classes}); got {found}."
        )
    if found is not None and found[1] == 0:
        raise ValueError(
            f"`emissions` of layer {layer.name!r} must have at least one step; got the "
            f"shape {found}."
        )


def check_tags(layer, tags, chain):
    """`tags` as integers (B, T), the range checked where values are known."""
    tags = as_tensor(tags)
    if not any(kind in str(tags.dtype) for kind in ("int", "bool")):
        raise ValueError(
            f"`tags` of layer {layer.name!r} must be integers; got the dtype "
            f"{keras.backend.standardize_dtype(tags.dtype)}."
        )
    expected, found = tuple(chain.emissions.shape[:2]), tuple(tags.shape)
    if len(found) == 3 and found[-1] == 1:
        tags = ops.squeeze(tags, -1)
        found = found[:2]
    if not shapes_agree(found, expected):
        raise ValueError(
            f"`tags` of layer {layer.name!r} must be (batch, steps)={expected}; got "
            f"{found}."
        )
    tags = ops.cast(tags, "int32")
    values, shown = known_values(tags), True
    if values is not None and chain.mask is not None:
        shown = known_values(chain.mask)
    if values is None or shown is None:
        return tags
    wrong = values[shown & ((values < 0) | (values >= layer.classes))]
    if wrong.size:
        raise ValueError(
            f"`tags` of layer {layer.name!r} must be from 0 to {layer.classes - 1}; "
            f"got {wrong[0]}."
        )
    return tags


def known_values(tensor) -> np.ndarray | None:
    """The values of a tensor as an array, or None where it is traced."""
    try:
        return ops.convert_to_numpy(tensor)
    except Exception:  # each backend has an error of its own
        return None
