from typing import Any

import keras
from keras import ops

from kerasrnn.layers.arguments import Tensor
from kerasrnn.zoo.captioning.image_captioner import ImageCaptioner


@keras.saving.register_keras_serializable(package="kerasrnn")
class AttentionCaptioner(ImageCaptioner):
    """Says in words what a picture shows, and looks at a part of it for every word.

    m_l = tanh(W_m (f_l − μ)/σ + b_m)                features of L places, projected
    d_0 = tanh(W_d 1/L Σ_l (f_l − μ)/σ)              for each layer
    α_t = softmax_l vᵀ tanh(W_1 d_{t-1} + W_2 m_l)   where it looks
    c_t = σ(w_g d_{t-1} + b_g) Σ_l α_tl m_l          with `gated`
    d_t = cell([E y_{t-1}; c_t], d_{t-1})
    a_t = tanh(W_c [c_t; d_t])
    p(y_t) = softmax(E a_t + b)                      with `tie_embeddings`

    Where `fine_tune` is a number, σ of d_0 is that of the mean over places.

    Doubly stochastic attention adds to the loss λ/L Σ_l (1 − Σ_t α_tl)², so that no
    place is never looked at.

    Args:
        target_vocabulary_size: How many token ids a caption may hold; 0 is padding.
            None: as many as the preprocessor knows.
        attention_regularization: λ.
        gated: Whether a gate says how much of c_t each word needs.
        attention_units: Size of v, in which d_{t-1} and m_l meet. None: `units`.
        **kwargs: Of `ImageCaptioner`: `start_id` and `end_id`, which the preprocessor
            says otherwise; `encoder`, `encoder_weights`, `fine_tune`, `tuned_weights`,
            `feature_dim`, `named_classes`, `known_captions`, `cell`, `num_layers`,
            `units`, `embedding_dim`, `dropout`, `word_dropout`, `tie_embeddings`,
            `label_smoothing`, `scheduled_sampling`, `members` and `preprocessor`, a
            `kerasrnn.text.TargetTokenizer`.

    Call arguments:
        inputs: `(features, target_ids)`, (B, L, D) and (B, T), or `(images,
            target_ids)` with images (B, size, size, 3), 0 to 255; the target begins
            with the start token.

    Output shape:
        Logits (B, T, V): at each step of the token that comes next.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.zoo import AttentionCaptioner
    >>> model = AttentionCaptioner(
    ...     30, start_id=1, end_id=2, encoder=None, feature_dim=6, units=8
    ... )
    >>> features = np.ones((2, 9, 6), "float32")
    >>> found = model.generate_ids(features, max_length=5, source_length=9)
    >>> found.alignments.shape
    TensorShape([2, 5, 9])

    Reference: Xu et al. 2015, "Show, Attend and Tell: Neural Image Caption Generation
    with Visual Attention", sections 3.1, 4.2 and 4.2.1 (there the output sees
    E y_{t-1} too, and the features are not projected).
    """

    def __init__(
        self,
        target_vocabulary_size: int | None = None,
        *,
        attention_regularization: float = 1.0,
        gated: bool = True,
        attention_units: int | None = None,
        **kwargs: Any,
    ) -> None:
        attention = {
            "attention": "bahdanau",
            "attention_units": attention_units,
            "attend": "before",
            "gated": gated,
        }
        super().__init__(target_vocabulary_size, attention=attention, **kwargs)
        self.attention_regularization = attention_regularization

    def alignment_penalty(
        self, alignments: Tensor, target_ids: Tensor
    ) -> Tensor | None:
        # Steps that predict nothing do not count.
        counts = ops.logical_and(target_ids != 0, target_ids != self.end_id)
        counts = ops.cast(counts, alignments.dtype)[:, :, None]
        looked = ops.sum(alignments * counts, axis=1)  # (B, L)
        return self.attention_regularization * ops.mean(ops.square(1.0 - looked))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "attention_regularization": self.attention_regularization,
            "gated": self.decoder.gated,
            "attention_units": self.decoder.attention_units,
        }
