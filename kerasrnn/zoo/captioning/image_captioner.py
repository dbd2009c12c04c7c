import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.decoding.checks import check_integer
from kerasrnn.layers.arguments import Tensor
from kerasrnn.text.tokenizer import UNKNOWN_ID
from kerasrnn.vision import (
    ImageEncoder,
    TunedBlocks,
    TunedEncoder,
    decode_image,
    features_of,
    fit_to_square,
    read_images,
)
from kerasrnn.vision.image_encoder import check_last_blocks
from kerasrnn.zoo.captioning.copy_mechanism import CopyMechanism
from kerasrnn.zoo.captioning.feature_encoder import FeatureEncoder
from kerasrnn.zoo.captioning.known_captions import END, KnownCaptions
from kerasrnn.zoo.decoder.decoder_task import (
    DecoderTask,
    check_kind_of_ids,
    check_targets,
    describe,
)
from kerasrnn.zoo.decoder.generation import (
    as_asked,
    check_generate,
    search_batches,
)
from kerasrnn.zoo.decoder.text_decoder import TextDecoder
from kerasrnn.zoo.model_inputs import as_array, inputs_of
from kerasrnn.zoo.task import Untracked

ONE_PICTURE = (str, bytes, bytearray, os.PathLike)
LONGEST = 40


@keras.saving.register_keras_serializable(package="kerasrnn")
class ImageCaptioner(DecoderTask):
    """Looks at a picture once, and says in words what it shows: one to many.

    v = (1/L Σ_l f_l − μ) / σ          a network's features of L places of the picture
    d_0 = tanh(W_d v)                  for each layer
    d_t = cell(E y_{t-1}, d_{t-1})     decoder
    o_t = tanh(W_o d_t)
    p(y_t) = softmax(E o_t + b)        with `tie_embeddings`

    With `named_classes` it can also borrow the names of the classes that the encoder's
    network was trained to tell apart: a `CopyMechanism`. With `known_captions` it says
    captions that it has read, where it has seen such a thing: `KnownCaptions`.

    μ and σ are 0 and 1 until `adapt` learns them from the training features.

    Args:
        target_vocabulary_size: How many token ids a caption may hold; 0 is padding.
            None: as many as the preprocessor knows, which then also says `start_id`
            and `end_id` where they are not given.
        encoder: What makes features of pictures: the `model` of an `ImageEncoder`. None
            for features that come from elsewhere.
        encoder_weights: "imagenet", or None for random ones.
        fine_tune: Whether the encoder is a part of the model that `fit` trains. By
            default it stays as it is, and is fetched when a picture is first seen. A
            number: the last so many blocks of "efficientnet_lite0" are, and `fit` may
            be given what the blocks before them make of pictures, `lower_features`.
        tuned_weights: What those blocks begin with, "imagenet", or None for random
            ones: a saved model has its own.
        feature_dim: D, of a model without `encoder`.
        named_classes: Of so many classes the names may be borrowed, once `name_classes`
            has told them; 0: of none; "imagenet": of the classes that the encoder
            "efficientnet_lite0" was trained to tell apart.
        known_captions: So many captions it can say as it read them, once
            `know_captions` has told them and how they are told apart; 0: none.
        **kwargs: `start_id` and `end_id`, the tokens that every caption begins and
            ends with; `cell`, "simple_rnn", "lstm" or "gru"; `num_layers`, `units` and
            `embedding_dim`, the decoder's sizes; `dropout`, `word_dropout`,
            `tie_embeddings`, `label_smoothing` and `scheduled_sampling`, how it learns;
            `members`, how many decoders speak together; and `preprocessor`, a
            `kerasrnn.text.TargetTokenizer`.

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
        encoder: str | None = "efficientnet_lite0",
        encoder_weights: str | None = "imagenet",
        fine_tune: bool | int = False,
        tuned_weights: str | None = "imagenet",
        feature_dim: int | None = None,
        named_classes: int | str = 0,
        known_captions: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(target_vocabulary_size, **kwargs)
        self.named_classes = named_classes
        self.known_captions = known_captions
        self.encoder_name = encoder
        self.encoder_weights = encoder_weights
        self.fine_tune = fine_tune
        self.decoder = self.make_decoder()
        self.tuned_blocks: Any = None
        if encoder is not None:
            layer: Any
            if isinstance(fine_tune, bool):
                layer = ImageEncoder(encoder, weights=encoder_weights)
                layer.trainable = fine_tune
            else:
                check_last_blocks("fine_tune", fine_tune, encoder)
                self.tuned_blocks = TunedBlocks(fine_tune, tuned_weights)
                layer = TunedEncoder(encoder_weights, self.tuned_blocks)
            # What is not trained is not saved either.
            self.image_encoder = layer if fine_tune is True else Untracked(layer)
            feature_dim = layer.dim if feature_dim is None else feature_dim
        self.feature_dim = feature_dim
        self._check_encoder()
        if named_classes:
            # What the decoder puts out at each step.
            size = self.embedding_dim if self.attends else self.units
            self.copy_mechanism = CopyMechanism(named_classes)
            self.copy_mechanism.build(
                self.source_shape(), units=size, gates=self.members
            )
        if known_captions:
            self.copy_mechanism = KnownCaptions(known_captions, end_id=self.end_id)
            self.copy_mechanism.build(self.source_shape())
        self.encoder = self.make_encoder(self.decoder)
        if fine_tune is True:
            self.build_encoder()
        self.add_members()

    def make_encoder(self, decoder: TextDecoder) -> FeatureEncoder:
        """What tells the decoder of features, with weights of its own."""
        encoder = FeatureEncoder(
            self.feature_dim,
            cell=self.cell,
            num_layers=self.num_layers,
            memory_units=self.units if decoder.attends else None,
            scales_mean=decoder.attends and self.tuned_blocks is not None,
            dtype=self.dtype_policy,
            name="encoder",
        )
        encoder.drop_as(decoder)
        return encoder

    def make_member(self) -> tuple:
        # All members share the image encoder, and the copy mechanism.
        decoder = self.make_decoder()
        return self.make_encoder(decoder), decoder

    def _check_encoder(self):
        """Raise where these cannot be the encoder and the classes of a model."""
        if self.encoder_name is None:
            if self.feature_dim is None:
                raise ValueError(
                    "`feature_dim` must be given for a model without `encoder`; got "
                    "None."
                )
            if self.fine_tune:
                raise ValueError(
                    "`fine_tune` needs an `encoder` to tune; got encoder=None."
                )
        check_integer("feature_dim", self.feature_dim, 1)
        check_integer("known_captions", self.known_captions, 0)
        if self.known_captions and self.named_classes:
            raise ValueError(
                "`known_captions` must be 0 with `named_classes`; got "
                f"{self.known_captions} and {self.named_classes!r}."
            )
        if self.named_classes and self.tuned_blocks is not None:
            raise ValueError(
                "`named_classes` must be 0 where `fine_tune` is a number, since the "
                "classes are not told by features that change; got "
                f"{self.named_classes!r}."
            )
        if self.named_classes == "imagenet":
            if self.encoder_name != "efficientnet_lite0":
                raise ValueError(
                    '`named_classes` may be "imagenet" with the encoder '
                    f"'efficientnet_lite0' only; got encoder={self.encoder_name!r}."
                )
        else:
            check_integer("named_classes", self.named_classes, 0)
        if self.encoder_name is not None:
            dim = self._image_encoder().dim
            if self.feature_dim != dim:
                raise ValueError(
                    f"`feature_dim` of the encoder {self.encoder_name!r} is {dim}; got "
                    f"{self.feature_dim}."
                )

    def adapt(self, features: Tensor) -> None:
        """Learn μ and σ, which bring all features to one scale.

        Args:
            features: (N, L, D) of the training pictures, in memory or on disk.
        """
        self._check_features(features, "features")
        blocks = (features[at : at + 256] for at in range(0, len(features), 256))
        sums = np.zeros((3, self.feature_dim))
        count = 0
        for block in blocks:
            x = ops.convert_to_numpy(self.encoder.scaled_part(self._whole(block)))
            x = x.astype("float64")
            of_mean = np.square(x.mean(axis=1)).sum(axis=0) * x.shape[1]
            sums += [x.sum(axis=(0, 1)), np.square(x).sum(axis=(0, 1)), of_mean]
            count += x.shape[0] * x.shape[1]
        mean, *squares = sums / count
        # A feature that never changes stays so.
        deviation, of_mean = (
            np.sqrt(np.maximum(s - mean**2, 0)) + 1e-3 for s in squares
        )
        if self.tuned_blocks is not None:
            # What hardly varies yet will do so when the blocks have learned.
            deviation = np.maximum(deviation, np.mean(deviation))
            of_mean = np.maximum(of_mean, np.mean(of_mean))
        for encoder, _ in self.encoders_and_decoders():
            encoder.feature_mean.assign(mean)
            encoder.feature_deviation.assign(deviation)
            if encoder.mean_deviation is not None:
                encoder.mean_deviation.assign(of_mean)

    def name_classes(
        self, names: Sequence[str], kernel: Any = None, bias: Any = None
    ) -> None:
        """Tell what the encoder's network sees in features, in words.

        Args:
            names: C strings, what its classes are called. A name with a word that the
                preprocessor does not know is never borrowed.
            kernel: (D, C) of the network's last layer. Not where `named_classes` is
                "imagenet": the encoder's own is fetched when it is needed.
            bias: (C,) of it.
        """
        self._check_classes(names, kernel, bias)
        words = np.zeros(self.copy_mechanism.words.shape, "int32")
        ids = ops.convert_to_numpy(self.preprocessor.target_ids(list(names)))
        marks = (self.start_id, self.end_id, 0)
        for row, found in zip(words, ids, strict=True):
            found = found[~np.isin(found, marks)][: len(row)]
            if UNKNOWN_ID not in found:
                row[: len(found)] = found
        self.copy_mechanism.set_classes(words, kernel, bias)

    def know_captions(self, captions: Sequence[str], kernel: Any, bias: Any) -> None:
        """Tell which captions it knows, and how they are told apart.

        Args:
            captions: C strings. One with a word that the preprocessor does not know is
                never said, and one of more tokens than `copy_mechanism.length` not to
                its end.
            kernel: (D, C) of a softmax over them, of the mean over all places.
            bias: (C,) of it.
        """
        if not self.known_captions:
            raise ValueError(
                f"This {type(self).__name__} has `known_captions=0` and knows none."
            )
        self._check_preprocessor()
        layer, count = self.copy_mechanism, self.known_captions
        self._check_shapes(
            captions=((len(captions),), (count,)),
            kernel=(np.shape(kernel), (self.feature_dim, count)),
            bias=(np.shape(bias), (count,)),
        )
        ids = ops.convert_to_numpy(self.preprocessor.target_ids(list(captions)))
        ids = np.where(ids == self.end_id, END, ids)[:, 1 : layer.length + 1]
        known = (ids != UNKNOWN_ID).all(axis=1)
        words = np.zeros((count, layer.length), "int32")
        words[known, : ids.shape[1]] = ids[known]
        layer.set_captions(words, kernel, bias)

    def _check_preprocessor(self):
        """Raise where there is no tokenizer of captions."""
        if not hasattr(self.preprocessor, "target_ids"):
            raise ValueError(
                "`preprocessor` must be a tokenizer of captions, to read names with; "
                f"got {type(self.preprocessor).__name__}."
            )

    @staticmethod
    def _check_shapes(**shapes):
        """Raise where an argument has another shape: name to it and the right one."""
        for name, (found, expected) in shapes.items():
            if found != expected:
                raise ValueError(
                    f"`{name}` must have the shape {expected}; got {found}."
                )

    def _check_classes(self, names, kernel, bias):
        """Raise where these are not the classes that it may borrow names of."""
        if not self.named_classes:
            raise ValueError(
                f"This {type(self).__name__} has `named_classes=0` and borrows no "
                "names."
            )
        self._check_preprocessor()
        layer = self.copy_mechanism
        self._check_shapes(names=((len(names),), (layer.count,)))
        if not layer.fetches:
            self._check_shapes(
                kernel=(np.shape(kernel), (self.feature_dim, layer.count)),
                bias=(np.shape(bias), (layer.count,)),
            )
        elif kernel is not None or bias is not None:
            raise ValueError(
                "`kernel` and `bias` must not be given to a model whose "
                '`named_classes` is "imagenet": they are those of its encoder.'
            )

    def _image_encoder(self):
        """The encoder, whether it is trained with the model or not."""
        trained = self.fine_tune is True
        return self.image_encoder if trained else self.image_encoder.value

    def build_encoder(self) -> ImageEncoder:
        """The encoder with its weights, which are fetched where they are not here.

        Raises:
            ValueError: The model has none.
            FetchError: The weights cannot be had.
        """
        if self.encoder_name is None:
            raise ValueError(
                f"This {type(self).__name__} has `encoder=None`: it takes features "
                f"(batch, places, {self.feature_dim}), not pictures."
            )
        layer = self._image_encoder()
        if not layer.built:
            size = layer.image_size
            layer.build((None, size, size, 3))
            layer.built = True
        return layer

    def _check_features(self, source, name="inputs"):
        """Raise where these are no features (B, L, D) or images (B, size, size, 3)."""
        shape = getattr(source, "shape", None)
        expected = f"features (batch, places, {self.feature_dim})"
        fits = shape is not None and len(shape) == 3 and shape[2] == self.feature_dim
        if self.tuned_blocks is not None:
            lower = (self.tuned_blocks.locations, self.tuned_blocks.dim)
            expected += f", lower features (batch, {lower[0]}, {lower[1]})"
            fits = fits or (shape is not None and self._are_lower(source))
        if self.encoder_name is not None:
            size = self._image_encoder().image_size
            expected += f", or images (batch, {size}, {size}, 3)"
            if shape is not None and len(shape) == 4:
                sides = zip(shape[1:], (size, size, 3), strict=True)
                fits = all(side in (None, wanted) for side, wanted in sides)
        if not fits:
            raise ValueError(f"`{name}` must hold {expected}; got {describe(source)}.")

    def _are_lower(self, source):
        """Whether these are what the blocks before those that are trained make."""
        tuned, shape = self.tuned_blocks, source.shape
        if tuned is None or len(shape) != 3:
            return False
        return shape[1] in (None, tuned.locations) and shape[2] == tuned.dim

    def _whole(self, features):
        """Features in float32, in which lower ones have gone through all blocks."""
        features = np.asarray(features, "float32")
        if self._are_lower(features):
            features = ops.convert_to_numpy(self.tuned_blocks(features))
        return features

    def lower_features(self, pictures: Sequence[Any]) -> np.ndarray:
        """What the encoder's blocks that are not trained make of pictures, (N, L, D).

        Args:
            pictures: As `generate` takes them.

        Raises:
            ValueError: `fine_tune` is no number, or something is no picture.
            FetchError: The encoder's weights cannot be had.
        """
        if self.tuned_blocks is None:
            raise ValueError(
                "`lower_features` is for a model whose `fine_tune` is a number of "
                f"blocks; got fine_tune={self.fine_tune!r}."
            )
        names = [f"`pictures[{index}]`" for index in range(len(pictures))]
        return features_of(
            self.build_encoder().first_blocks, list(pictures), names=names
        )

    def check_source(self, source: Tensor) -> Tensor:
        self._check_features(source)
        return ops.convert_to_tensor(source)

    def check_call(self, inputs: Any) -> tuple:
        if not isinstance(inputs, (tuple, list)) or len(inputs) != 2:
            raise ValueError(
                f"`inputs` must be (features, target_ids); got {describe(inputs)}. For "
                "captions, use `generate`."
            )
        source, target_ids = inputs
        source = self.check_source(source)
        return source, check_kind_of_ids("target_ids", target_ids)

    def check_pairs(self, x: Any, y: Any) -> tuple:
        """What `fit` and `evaluate` are given, as a list, an array or a dataset."""
        if self.preprocessor is not None:
            self.check_preprocessor()
        if hasattr(x, "element_spec"):
            specification = x.element_spec
            if isinstance(specification, tuple) and len(specification) > 1:
                dtype = getattr(specification[1], "dtype", None)
                self._check_captions(dtype == "string")
            return x, y
        if isinstance(x, ONE_PICTURE):
            raise ValueError(
                "`x` must be a list of pictures; got one. Put it in a list: [picture]."
            )
        if not hasattr(x, "shape") and not isinstance(x, (list, tuple)):
            raise TypeError(
                "`x` must be a list of pictures, an array of features or a "
                f"tf.data.Dataset; got {type(x).__name__}."
            )
        if y is not None:
            y = as_array(y, "y")
            self._check_captions(y.ndim == 1)
            if y.ndim == 2:
                check_targets("y", y, self.target_vocabulary_size)
        return x if hasattr(x, "shape") else list(x), y

    def _check_captions(self, are_text):
        """Raise where captions are texts, and nothing makes token ids of them."""
        if are_text and self.preprocessor is None:
            raise ValueError(
                f"`y` holds strings, but this {type(self).__name__} has "
                "`preprocessor=None` and takes token ids. Attach a tokenizer: "
                "`model.preprocessor = TargetTokenizer(tokenizer)`."
            )

    def _as_inputs(self, x, name):
        if not isinstance(x, list):  # features or images
            x = ops.convert_to_numpy(x)
            self._check_features(x, name)
            if len(x) == 0:
                raise ValueError(f"`{name}` must hold at least one example; got none.")
            return x.astype("float32", copy=False)
        layer = self.build_encoder()
        names = [f"`{name}[{index}]`" for index in range(len(x))]
        if self.fine_tune is True:
            return read_images(x, layer.image_size, names=names)
        lowest = layer if self.tuned_blocks is None else layer.first_blocks
        return features_of(lowest, x, names=names)

    def _check_element(self, element_spec, name):
        self._check_features(inputs_of(element_spec), name)

    def vocabulary_sizes(self) -> tuple[int | None, int | None]:
        return None, self.target_vocabulary_size

    def source_shape(self) -> tuple:
        return (None, None, self.feature_dim)

    def source_spec(self) -> Any:
        import tensorflow as tf

        return tf.TensorSpec(self.source_shape(), tf.float32)

    def random_source(self, steps: int) -> np.ndarray:
        """Features (4, steps, D), drawn at random."""
        shape = (4, steps, self.feature_dim)
        return np.random.default_rng(0).normal(size=shape).astype("float32")

    def source_of(self, x: Any) -> np.ndarray:
        """Features of pictures, a list of them; what are features already stays."""
        return self._as_inputs(x, "calibration")

    def default_max_length(self, source: Tensor) -> Any:
        return LONGEST

    def features(self, source: Tensor, training: bool = False) -> Tensor:
        """Features (B, L, D) of pictures; what are features already stays."""
        if len(source.shape) == 4:
            return self.build_encoder()(source, training=training)
        if self._are_lower(source):
            source = self.tuned_blocks(source)
        return ops.cast(source, self.compute_dtype)

    def prepare(self, source: Tensor, training: bool = False) -> Tensor:
        return self.features(source, training=training)

    def generate(
        self,
        inputs: Any,
        *,
        max_length: int | None = None,
        search: Any = "greedy",
        batch_size: int = 32,
        return_scores: bool = False,
        verbose: str | int = "auto",
        **options: Any,
    ) -> Any:
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
        check_generate(self, search, max_length, options, batch_size)
        inputs, single = self._as_pictures(inputs)

        def source_of(batch):
            if isinstance(inputs, np.ndarray):
                # The search asks how many places there are to look at.
                return self._whole(inputs[batch])
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
        return as_asked(results, scores, single=single, return_scores=return_scores)

    def _as_pictures(self, inputs):
        """A list of pictures or an array of features, and whether it was one alone."""
        if isinstance(inputs, ONE_PICTURE):
            inputs, single = [inputs], True
        elif isinstance(inputs, (list, tuple)):
            inputs, single = list(inputs), False
        elif not hasattr(inputs, "shape"):
            raise TypeError(
                "`inputs` must be a picture, a list of them or an array of features; "
                f"got {type(inputs).__name__}."
            )
        else:
            if not isinstance(inputs, np.ndarray):  # A file of features stays there.
                inputs = ops.convert_to_numpy(inputs)
            are_features = inputs.ndim == 3 and (
                inputs.shape[2] == self.feature_dim or self._are_lower(inputs)
            )
            are_pictures = inputs.ndim in (2, 3, 4) and self.encoder_name is not None
            if are_features or not are_pictures:
                self._check_features(inputs)
                return inputs, False
            single = inputs.ndim < 4
            inputs = [inputs] if single else list(inputs)
        self.build_encoder()
        return inputs, single

    def serving_signatures(self) -> dict:
        """What an exported model offers: name to (function, input specifications)."""
        import tensorflow as tf

        if self.preprocessor is None or self.encoder_name is None:
            return {"serving_default": (self._serve, [self.source_spec()])}
        self.build_encoder()
        specification = tf.TensorSpec((None,), tf.string, name="image_bytes")
        return {
            "serving_default": (self._serve_pictures, [specification]),
            "beam": (self._serve_beam, [specification]),
        }

    def serving_variables(self) -> list:
        own = super().serving_variables()
        if self.encoder_name is None or self.fine_tune is True:
            return own
        encoder = self.build_encoder()
        lowest = encoder if self.tuned_blocks is None else encoder.first_blocks
        return [*own, *lowest.variables]

    def _serve(self, features):
        attends = self.attends
        options = {"source_length": ops.shape(features)[1]} if attends else {}
        found = self.generate_ids(features, **options)
        outputs = self.serving_outputs(found)
        if attends:
            outputs["attention"] = found.alignments
        if self.preprocessor is not None:
            outputs["caption"] = outputs.pop("text")
            # What the rows of `attention` belong to; "" for padding.
            outputs["tokens"] = self.preprocessor.target_tokens(found.token_ids)
        return outputs

    def _serve_pictures(self, image_bytes):
        return self._serve(self._features_of_bytes(image_bytes))

    def _serve_beam(self, image_bytes):
        features = self._features_of_bytes(image_bytes)
        found = self.generate_ids(features, search="beam", n_best=5, length_penalty=1.0)
        outputs = self.serving_outputs(found)
        outputs["caption"] = outputs.pop("text")
        return outputs

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

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "encoder": self.encoder_name,
            # The trained ones replace them.
            "encoder_weights": (
                None if self.fine_tune is True else self.encoder_weights
            ),
            "fine_tune": self.fine_tune,
            "tuned_weights": None,
            "feature_dim": self.feature_dim,
            "named_classes": self.named_classes,
            "known_captions": self.known_captions,
        }
