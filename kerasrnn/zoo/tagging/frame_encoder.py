from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.layers.arguments import Shape, Tensor


class FrameEncoder(keras.layers.Layer):
    """Frames of numbers, each number brought to the scale of the others.

    x_td = (frame_td - μ_d) / σ_d

    A missing number (NaN) counts as the mean, μ; a frame of which all are missing is no
    step. μ and σ are weights that are not trained: a model that is saved has them.

    Args:
        frame_dim: D, how many numbers a frame has.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        frames: (B, T, D).
        training: Not looked at: it is the same in training.

    Output shape: (B, T, D)

    Example:

    >>> import numpy as np
    >>> encoder = FrameEncoder(1)
    >>> encoder.build((None, None, 1))
    >>> encoder.adapt([np.array([[1.0], [3.0]])])
    >>> np.array(encoder(np.array([[[3.0], [np.nan]]]))).round(2).tolist()
    [[[1.0], [0.0]]]
    """

    def __init__(self, frame_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = frame_dim

    def build(self, input_shape: Shape) -> None:
        for name, initializer in (("mean", "zeros"), ("deviation", "ones")):
            weight = self.add_weight(
                name=name,
                shape=(self.size,),
                initializer=initializer,
                trainable=False,
                dtype="float32",
            )
            setattr(self, name, weight)
        self.built = True

    def adapt(self, sequences: Any) -> None:
        """Learn μ and σ.

        Args:
            sequences: Arrays (T, D), of any numbers of frames.
        """
        frames = np.concatenate([np.asarray(x, "float64") for x in sequences])
        known = np.isfinite(frames).any(axis=0)
        frames = np.where(np.isfinite(frames), frames, np.nan)[:, known]
        mean, deviation = np.zeros(self.size), np.ones(self.size)
        mean[known] = np.nanmean(frames, axis=0)
        # What never changes stays zero.
        spread = np.nanstd(frames, axis=0)
        deviation[known] = np.where(spread > 0, spread, 1.0)
        self.mean.assign(mean)
        self.deviation.assign(deviation)

    def mask(self, frames: Tensor) -> Tensor:
        """Where there is a frame, (B, T)."""
        return ops.any(ops.equal(frames, frames), axis=-1)  # NaN is not itself.

    def call(self, frames: Tensor, training: bool = False) -> Tensor:
        known = ops.equal(frames, frames)
        scaled = (ops.cast(frames, "float32") - self.mean) / self.deviation
        return ops.cast(ops.where(known, scaled, 0.0), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)
