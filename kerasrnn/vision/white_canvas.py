"""White where a picture shows nothing."""

import tensorflow as tf

WHITE = 255.0


def on_white(pixels: tf.Tensor) -> tf.Tensor:
    """(H, W, 4), 0 to 255, the last channel opacity, as (H, W, 3) before white."""
    opacity = pixels[..., 3:] / 255
    return pixels[..., :3] * opacity + WHITE * (1 - opacity)


def on_canvas(pixels: tf.Tensor, top, left, height, width) -> tf.Tensor:
    """A frame (H, W, 3) at its place on a white canvas of this height and width."""
    shape = tf.shape(pixels, tf.int64)
    below, right = height - top - shape[0], width - left - shape[1]
    padding = [[top, below], [left, right], [0, 0]]
    return tf.pad(pixels, tf.cast(padding, tf.int64), constant_values=WHITE)
