"""The translator behind a model server, without the server."""

import asyncio
import importlib.util
import pathlib
import sys
import types

import pytest

pytest.importorskip("onnxruntime")
PATH = pathlib.Path(__file__).parents[2] / "benchmarks" / "served_translator.py"


class InferenceError(Exception):
    """As MLServer's."""


def test_a_request_without_texts_is_refused_before_the_graph_runs(monkeypatch):
    # ONNX Runtime would end the server's process.
    modules = {
        "mlserver": {"MLModel": object},
        "mlserver.codecs": {
            "StringCodec": types.SimpleNamespace(decode_input=lambda given: given.data)
        },
        "mlserver.errors": {"InferenceError": InferenceError},
        "mlserver.types": {"InferenceRequest": object, "InferenceResponse": object},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("served_translator", PATH)
    served = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(served)
    text = types.SimpleNamespace(name="text", data=[])
    request = types.SimpleNamespace(inputs=[text])
    with pytest.raises(InferenceError, match="must have a text at least"):
        asyncio.run(served.Translator().predict(request))
