import numpy as np

from kerasrnn.training.batch_order import rows_of_epoch


class GlimpseData:
    """What a classifier of images learns from, as `resumable_fit` takes it.

    Args:
        train: `kerasrnn.data.ImageClasses`, with images.
        validation: The same, to decide which epoch is best.
        batch_size: Images in a step.
        fresh_places: Whether each epoch puts the digits to new places, among new
            clutter: a pure function of seed and epoch.
    """

    def __init__(self, train, validation, *, batch_size: int, fresh_places: bool):
        if fresh_places and train.digits is None:
            raise ValueError(
                "`fresh_places` must be false for images without digits that could be "
                "placed anew; got true."
            )
        self.train, self.validation = train, validation
        self.batch_size, self.fresh_places = batch_size, fresh_places

    def order(self, seed, epoch):
        """Of each batch the rows (B, 3) of seed, epoch and number of an example."""
        numbers = np.random.default_rng([seed, epoch]).permutation(len(self.train))
        rows = rows_of_epoch(numbers, seed, epoch)
        starts = range(0, len(rows), self.batch_size)
        return [rows[start : start + self.batch_size] for start in starts]

    def dataset(self, order):
        import tensorflow as tf

        rows = np.concatenate(order)
        (seed, epoch), numbers = rows[0, :2].tolist(), rows[:, 2]
        images = self.images(seed, epoch)[numbers]
        dataset = tf.data.Dataset.from_tensor_slices(
            (images, self.train.labels[numbers])
        )
        options = tf.data.Options()
        options.autotune.enabled = False  # there is nothing to tune
        return dataset.batch(self.batch_size).prefetch(2).with_options(options)

    def images(self, seed, epoch):
        """What an epoch shows of each example, (N, H, W, C)."""
        if not self.fresh_places:
            return self.train.images
        from kerasrnn.data.cluttered_digits import canvases_of, drawn_places

        digits = self.train.digits
        generator = np.random.default_rng([seed, epoch, 1])
        places = drawn_places(len(digits), len(digits), generator)
        return canvases_of(digits, places, digits)[..., None]

    def validate(self, model):
        scores = model.evaluate(
            self.validation.images,
            self.validation.labels,
            batch_size=256,
            verbose=0,
            return_dict=True,
        )
        return {f"val_{name}": float(value) for name, value in scores.items()}
