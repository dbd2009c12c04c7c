"""A translator that was exported to ONNX, as a model of MLServer.

It needs mlserver and onnxruntime, and no kerasrnn: `text_reader.py` lies beside the
exported model. `benchmarks/serving.py` starts it; by hand, with the settings that it
writes, `mlserver start FOLDER`.
"""

import importlib.util
import pathlib

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse

MOST_TOKENS = 256  # of a text


class Translator(MLModel):
    """Texts in, their translations and the logarithm of each one's probability out."""

    async def load(self) -> bool:
        folder = pathlib.Path(self.settings.parameters.uri)
        path = folder / "text_reader.py"
        module = importlib.util.spec_from_file_location("text_reader", path)
        text_reader = importlib.util.module_from_spec(module)
        module.loader.exec_module(text_reader)
        self.reader = text_reader.TextReader(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # The other core serves and asks.
        self.session = onnxruntime.InferenceSession(folder / "greedy.onnx", options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        [text] = [x for x in payload.inputs if x.name == "text"] or [None]
        if text is None:
            raise InferenceError("There must be an input `text`, of strings.")
        texts = StringCodec.decode_input(text)
        rows = [self.reader.encode(text) for text in texts]
        if not rows:  # ONNX Runtime's LSTM and GRU would end the process.
            raise InferenceError("The input `text` must have a text at least.")
        longest = max(map(len, rows))
        if longest > MOST_TOKENS:
            raise InferenceError(
                f"A text may have {MOST_TOKENS} tokens at most; got {longest}."
            )
        source = np.zeros((len(rows), longest), "int32")
        for row, ids in zip(source, rows, strict=True):
            row[: len(ids)] = ids
        most = np.array(2 * longest + 10, "int64")
        token_ids, scores = self.session.run(
            ["token_ids", "scores"], {"source": source, "max_length": most}
        )
        found = [self.reader.decode(ids) for ids in token_ids]
        scores = [f"{score:.4f}" for score in scores]
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                StringCodec.encode_output("text", found),
                StringCodec.encode_output("score", scores),
            ],
        )
