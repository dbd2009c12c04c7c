from typing import Any

import keras
import numpy as np
from keras import ops

from kerasrnn.export.onnx.greedy import encoder_and_step
from kerasrnn.export.onnx.session import installed

DTYPES = {"tensor(int32)": "int32", "tensor(float)": "float32"}  # of what is read


class OnnxWriter:
    """A model that writes texts, run by ONNX Runtime, for searches of this library.

    What `model.export(folder, format="onnx")` wrote of a translator or a captioner:
    `encoder.onnx` reads what there is to write about, and `step.onnx` says which token
    comes next.

    Args:
        folder: Where both are.
        **options: More of `onnxruntime.InferenceSession`, such as `sess_options`.

    Raises:
        ValueError: They are not there, or JAX is in use, whose loops are compiled and
            call no other runtime.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> from kerasrnn.decoding import beam_search
    >>> from kerasrnn.export import OnnxWriter
    >>> from kerasrnn.zoo import Seq2SeqAttention
    >>> model = Seq2SeqAttention(9, 8, start_id=1, end_id=2, units=4, embedding_dim=4)
    >>> writer = OnnxWriter(model.export(tempfile.mkdtemp(), format="onnx"))
    >>> step, state = writer.decoding(np.array([[3, 4, 2]], "int32"))
    >>> found = beam_search(step, state, [1], max_length=4, end_id=2, beam_width=3)
    >>> found.token_ids.shape
    TensorShape([1, 1, 4])
    """

    def __init__(self, folder: Any, **options: Any) -> None:
        if keras.config.backend() == "jax":
            raise ValueError(
                "OnnxWriter runs on TensorFlow and torch, whose loops call a step each "
                "time; this process runs on 'jax'. Set KERAS_BACKEND=tensorflow."
            )
        if not installed():
            raise ImportError(
                "ONNX files are run by the package `onnxruntime`: "
                "pip install 'kerasrnn[onnx]'"
            )
        from onnxruntime import InferenceSession

        self.encoder, self.step = (
            InferenceSession(path, **options) for path in encoder_and_step(folder)
        )

    def decoding(self, source: Any) -> tuple:
        """`(step, state)` for the searches of `kerasrnn.decoding`.

        Args:
            source: What the encoder reads, an array (B, ...) of a row at least: ids, or
                the features of pictures.

        Raises:
            ValueError: There is no row.
        """
        [given] = self.encoder.get_inputs()
        source = np.asarray(source, DTYPES[given.type])
        if not len(source):  # ONNX Runtime's LSTM and GRU would end the process.
            raise ValueError(
                f"`source` must have a row at least; got the shape {source.shape}."
            )
        names = [x.name for x in self.encoder.get_outputs()]
        found = self.encoder.run(None, {given.name: source})
        told = dict(zip(names, found, strict=True))
        state = {name: told.pop(name) for name in names if name.startswith("state_")}
        wanted = {x.name for x in self.step.get_inputs()}
        held = {name: value for name, value in told.items() if name in wanted}
        repeated: dict[int, dict] = {}
        outputs = [x.name for x in self.step.get_outputs()]

        def step(token_ids, state):
            token_ids = ops.convert_to_numpy(token_ids)
            times = len(token_ids) // len(source)
            if times not in repeated:  # Beams look at one source.
                repeated[times] = {
                    name: np.repeat(value, times, axis=0)
                    for name, value in held.items()
                }
            state = {name: ops.convert_to_numpy(x) for name, x in state.items()}
            feeds = {"token_ids": token_ids, **state, **repeated[times]}
            found = dict(zip(outputs, self.step.run(None, feeds), strict=True))
            new = {name: found[f"new_{name}"] for name in state}
            seen = [found[name] for name in ("alignments",) if name in found]
            new = {name: ops.convert_to_tensor(x) for name, x in new.items()}
            tensors = [
                ops.convert_to_tensor(x) for x in (found["log_probabilities"], *seen)
            ]
            return tensors[0], new, *tensors[1:]

        return step, {name: ops.convert_to_tensor(x) for name, x in state.items()}
