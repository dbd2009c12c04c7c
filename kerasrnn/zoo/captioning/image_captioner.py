import keras
import numpy as np
from keras import ops

from kerasrnn.vision import (
    ImageEncoder,
    decode_image,
    features_of,
    fit_to_square,
    read_images,
)
from kerasrnn.zoo.captioning import captioner_checks as checks
from kerasrnn.zoo.captioning.class_copying import ClassCopying
from kerasrnn.zoo.decoder.compiled_search import search_batches
from kerasrnn.zoo.decoder.decoder_task import DecoderTask
from kerasrnn.zoo.task import Untracked

LONGEST = 40
UNKNOWN = 1  # of a tokenizer's ids


@keras.saving.register_keras_serializable(package="kerasrnn")
class ImageCaptioner(DecoderTask):
    """Looks at a picture once, and says in words what it shows: one to many.

    v = (1/L Σ_l f_l − μ) / σ          a network's features of L places of the picture
    d_0 = tanh(W_d v)                  for each layer
    d_t = cell(E y_{t-1}, d_{t-1})     decoder
    o_t = tanh(W_o d_t)
    p(y_t) = softmax(E o_t + b)        with `tie_embeddings`

    With `named_classes` it can also borrow the names of the classes that the encoder's
    network was trained to tell apart: `ClassCopying`, which see.

    μ and σ are 0 and 1 until `adapt` learns them from the training features.

    Args:
        target_vocabulary_size: How many token ids a caption may hold; 0 is padding.
            None: as many as the preprocessor knows, which then also says `start_id`
            and `end_id` where they are not given.
        encoder: What makes features of pictures: the `model` of an `ImageEncoder`. None
            for features that come from elsewhere.
        encoder_weights: "imagenet", or None for random ones.
        fine_tune: Whether the encoder is a part of the model that `fit` trains. By
            default it stays as it is, and is fetched when a picture is first seen.
        feature_dim: D, of a model without `encoder`.
        named_classes: Of so many classes the names may be borrowed, once `name_classes`
            has told them; 0: of none; "imagenet": of the classes that the encoder
            "efficientnet_lite0" was trained to tell apart.
        **kwargs: `start_id`, `end_id` and the other arguments of `DecoderTask`, among
            them `cell`, `num_layers`, `units`, `embedding_dim`, `dropout`, `members`
            and `preprocessor`, a `kerasrnn.text.TargetTokenizer`.

    Call arguments:
        inputs: `(features, target_ids)`, (B, L, D) and (B, T), or `(images,
            target_ids)` with images (B, size, size, 3), 0 to 255; the target begins
            with the start token.

    Output shape:
        Logits (B, T, V): at each step of the token that comes next.

    Example:

    >>> import numpy as np
    >>> from kerasrnn.zoo import ImageCaptioner
    >>> model = ImageCaptioner(
    ...     30, start_id=1, end_id=2, encoder=None, feature_dim=6, units=8
    ... )
    >>> features = np.ones((2, 9, 6), "float32")
    >>> model((features, np.ones((2, 4), int))).shape
    TensorShape([2, 4, 30])
    >>> model.generate_ids(features, max_length=5).token_ids.shape
    TensorShape([2, 5])

    Reference: Vinyals et al. 2015, "Show and Tell: A Neural Image Caption Generator".
    """

    def __init__(
        self,
        target_vocabulary_size: int | None = None,
        *,
        encoder="efficientnet_lite0",
        encoder_weights="imagenet",
        fine_tune=False,
        feature_dim=None,
        named_classes=0,
        **kwargs,
    ):
        super().__init__(target_vocabulary_size, **kwargs)
        self.named_classes = named_classes
        self.encoder = encoder
        self.encoder_weights = encoder_weights
        self.fine_tune = fine_tune
        if encoder is not None:
            layer = ImageEncoder(encoder, weights=encoder_weights)
            layer.trainable = fine_tune
            # What is not trained is not saved either.
            self.image_encoder = layer if fine_tune else Untracked(layer)
            feature_dim = layer.dim if feature_dim is None else feature_dim
        self.feature_dim = feature_dim
        checks.check_model(self)
        self.make_encoder()
        if fine_tune:
            self.build_encoder()
        # To be made, a model needs no names, which may have to be fetched.
        self.borrows = False
        self.make_weights(ops.zeros((1, 1, self.feature_dim), "float32"))
        self.borrows = bool(self.named_classes)

    def make_encoder(self):
        """Make the layers between the features and the decoder."""
        for name, value in (("feature_mean", "zeros"), ("feature_deviation", "ones")):
            weight = self.add_weight(
                shape=(self.feature_dim,), name=name, initializer=value, trainable=False
            )
            setattr(self, name, weight)
        if self.named_classes:
            self.class_copying = ClassCopying(self.named_classes)
            # What the decoder puts out at each step.
            size = self.embedding_dim if self.attends else self.units
            shape = (None, None, self.feature_dim)
            self.class_copying.build(shape, units=size, gates=self.members)

    def adapt(self, features):
        """Learn μ and σ, which bring all features to one scale.

        Args:
            features: (N, L, D) of the training pictures, in memory or on disk.
        """
        checks.check_source(self, features, "features", convert=False)
        blocks = (features[at : at + 256] for at in range(0, len(features), 256))
        sums = np.zeros((2, self.feature_dim))
        count = 0
        for block in blocks:
            x = ops.convert_to_numpy(self.scaled_part(np.asarray(block, "float32")))
            x = x.astype("float64")
            sums += [x.sum(axis=(0, 1)), np.square(x).sum(axis=(0, 1))]
            count += x.shape[0] * x.shape[1]
        mean, square = sums / count
        # A feature that never changes stays so.
        deviation = np.sqrt(square - mean**2) + 1e-3
        for model in (self, *self.others):
            model.feature_mean.assign(mean)
            model.feature_deviation.assign(deviation)

    def name_classes(self, names, kernel=None, bias=None):
        """Tell what the encoder's network sees in features, in words.

        Args:
            names: C strings, what its classes are called. A name with a word that the
                preprocessor does not know is never borrowed.
            kernel: (D, C) of the network's last layer. Not where `named_classes` is
                "imagenet": the encoder's own is fetched when it is needed.
            bias: (C,) of it.
        """
        checks.check_classes(self, names, kernel, bias)
        words = np.zeros(self.class_copying.words.shape, "int32")
        ids = ops.convert_to_numpy(self.preprocessor.target_ids(list(names)))
        marks = (self.start_id, self.end_id, 0)
        for row, found in zip(words, ids, strict=True):
            found = found[~np.isin(found, marks)][: len(row)]
            if UNKNOWN not in found:
                row[: len(found)] = found
        self.class_copying.set_classes(words, kernel, bias)

    @staticmethod
    def scaled_part(features):
        """What of the features (B, L, D) is brought to one scale: their mean."""
        return ops.mean(features, axis=1, keepdims=True)

    def scaled(self, features):
        """That part, scaled."""
        mean, deviation = self.feature_mean, self.feature_deviation
        part = self.scaled_part(features) - ops.cast(mean, self.compute_dtype)
        return part / ops.cast(deviation, self.compute_dtype)

    def build_encoder(self) -> ImageEncoder:
        """The encoder with its weights, which are fetched where they are not here.

        Raises:
            ValueError: The model has none.
            FetchError: The weights cannot be had.
        """
        checks.check_has_encoder(self)
        layer = checks.encoder_of(self)
        if not layer.built:
            size = layer.image_size
            layer.build((None, size, size, 3))
            layer.built = True
        return layer

    def check_call(self, inputs):
        return checks.check_call(self, inputs)

    def check_source(self, source):
        return checks.check_source(self, source)

    def check_pairs(self, x, y):
        return checks.check_pairs(self, x, y)

    def _as_inputs(self, x, name):
        if not isinstance(x, list):
            return checks.as_arrays(self, x, name)
        layer = self.build_encoder()
        names = [f"`{name}[{index}]`" for index in range(len(x))]
        if self.fine_tune:
            return read_images(x, layer.image_size, names=names)
        return features_of(layer, x, names=names)

    def _check_element(self, element_spec, name):
        checks.check_element(self, element_spec, name)

    def source_spec(self):
        import tensorflow as tf

        return tf.TensorSpec((None, None, self.feature_dim), tf.float32)

    def longest(self, source):
        return LONGEST

    def features(self, source, training=False):
        """Features (B, L, D) of pictures; what are features already stays."""
        if len(source.shape) == 4:
            return self.build_encoder()(source, training=training)
        return ops.cast(source, self.compute_dtype)

    def prepare(self, source, training=False):
        return self.features(source, training=training)

    def evidence(self, source):
        return self.class_copying.evidence(source) if self.borrows else None

    def mix(self, logits, outputs, token_ids, evidence, member=0):
        return self.class_copying(logits, outputs, token_ids, evidence, gate=member)

    def changes_of_members(self):
        # They share the encoder, and what it sees in pictures.
        own = {"encoder": None, "fine_tune": False, "named_classes": 0}
        return {**own, "feature_dim": self.feature_dim}

    def encode(self, source, training=False):
        """None, since the decoder sees the picture but once, and its first states."""
        features = self.scaled(source)
        return None, self.first_states(features, training)

    def first_states(self, features, training):
        """What the decoder knows before its first word, of scaled features."""
        vector = self.drop(ops.mean(features, axis=1), training=training)
        return self.hand_over([[vector] * self.states_of_a_layer] * self.num_layers)

    def generate(
        self,
        inputs,
        *,
        max_length=None,
        search="greedy",
        batch_size=32,
        return_scores=False,
        verbose="auto",
        **options,
    ):
        """Captions of pictures, in the order in which they came.

        Args:
            inputs: A picture or a list of them: the path of a file, its bytes, or an
                array (H, W, 1, 3 or 4), as `kerasrnn.vision.read_images` takes them;
                or an array of features (B, L, D).
            max_length: The most tokens of a caption. None: 40.
            search: "greedy", "sample" or "beam", or a sampler of KerasHub.
            batch_size: How many are looked at at a time.
            return_scores: Whether to return the log-probabilities too, or of a beam
                its scores.
            verbose: 1 shows a progress bar, 0 none, "auto" one for more than 10
                batches.
            **options: Those of the search; `n_best` of a beam gives a list for each.

        Returns:
            A string, or a list of strings, or of lists of strings; with
            `return_scores` a tuple of that and the scores, a float or an array.

        Raises:
            ValueError: Something is no picture, or too large; it says which and why.
            FetchError: The encoder's weights are not on this machine and cannot be
                fetched.
        """
        checks.check_generate(self, search, max_length, options, batch_size)
        inputs, single = checks.as_pictures(self, inputs)

        def source_of(batch):
            if isinstance(inputs, np.ndarray):
                return inputs[batch].astype("float32")
            names = ["`inputs`" if single else f"`inputs[{index}]`" for index in batch]
            pictures = [inputs[index] for index in batch]
            return features_of(self.build_encoder(), pictures, names=names, verbose=0)

        starts = range(0, len(inputs), batch_size)
        results, scores = search_batches(
            self,
            [[*range(at, min(at + batch_size, len(inputs)))] for at in starts],
            source_of,
            lambda batch: max_length or LONGEST,
            search=search,
            options=options,
            verbose=verbose,
            unit="picture",
            most=max_length or LONGEST,
        )
        if single:
            return (results[0], scores[0].tolist()) if return_scores else results[0]
        return (results, np.array(scores, "float32")) if return_scores else results

    def serving_signatures(self):
        """What an exported model offers: name to (function, input specifications)."""
        import tensorflow as tf

        if self.preprocessor is None or self.encoder is None:
            return {"serving_default": (self._serve, [self.source_spec()])}
        self.build_encoder()
        specification = tf.TensorSpec((None,), tf.string, name="image_bytes")
        return {
            "serving_default": (self._serve_pictures, [specification]),
            "beam": (self._serve_beam, [specification]),
        }

    def serving_variables(self):
        encoder = self.encoder is not None and not self.fine_tune
        frozen = self.build_encoder().variables if encoder else []
        return [*super().serving_variables(), *frozen]

    def _serve(self, features):
        options = {"source_length": ops.shape(features)[1]} if self.attends else {}
        found = self.generate_ids(features, **options)
        answer = self.answer(found)
        if self.attends:
            answer["attention"] = found.alignments
        if self.preprocessor is not None:
            answer["caption"] = answer.pop("text")
            # What the rows of `attention` belong to; "" for padding.
            answer["tokens"] = self.preprocessor.target_tokens(found.token_ids)
        return answer

    def _serve_pictures(self, image_bytes):
        return self._serve(self._features_of_bytes(image_bytes))

    def _serve_beam(self, image_bytes):
        features = self._features_of_bytes(image_bytes)
        found = self.generate_ids(features, search="beam", n_best=5, length_penalty=1.0)
        answer = self.answer(found)
        answer["caption"] = answer.pop("text")
        return answer

    def _features_of_bytes(self, image_bytes):
        import tensorflow as tf

        encoder = self.build_encoder()
        size = encoder.image_size
        images = tf.map_fn(
            lambda contents: fit_to_square(decode_image(contents), size),
            image_bytes,
            fn_output_signature=tf.TensorSpec((size, size, 3), tf.float32),
        )
        return encoder(images)

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": self.encoder,
            # The trained ones replace them.
            "encoder_weights": None if self.fine_tune else self.encoder_weights,
            "fine_tune": self.fine_tune,
            "feature_dim": self.feature_dim,
            "named_classes": self.named_classes,
        }
