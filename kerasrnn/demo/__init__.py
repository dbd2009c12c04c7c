"""A web page that runs the models in the browser."""

from kerasrnn.demo.write_demo import write_demo

__all__ = ["write_demo"]
