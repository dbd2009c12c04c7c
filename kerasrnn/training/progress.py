import sys
import time

import keras


class ProgressLine(keras.callbacks.Callback):
    """One line an epoch: a bar that fills while it runs, then what came of it.

    On a screen the line is redrawn in place; into a file only finished lines go.

    Args:
        epochs: How many epochs there are at most.
        stream: Where to print. None: standard output.
    """

    def __init__(self, epochs: int, stream=None):
        super().__init__()
        self.epochs = epochs
        self.stream = stream or sys.stdout
        self.drawn = 0.0

    def start(self, epoch, steps, first_step=0):
        self.epoch, self.steps, self.first_step = epoch, steps, first_step
        self.begin = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if not self.stream.isatty() or now - self.drawn < 0.1:
            return
        self.drawn = now
        done = self.first_step + batch + 1
        left = (now - self.begin) / (batch + 1) * (self.steps - done)
        self._draw(done, _numbers(logs) + f"  {left:3.0f} s left")

    def finish(self, logs, note=""):
        seconds = time.monotonic() - self.begin
        self._draw(self.steps, f"{_numbers(logs)}  {seconds:4.1f} s{note}")
        self.stream.write("\n")
        self.stream.flush()

    def _draw(self, done, text):
        filled = round(16 * done / self.steps)
        bar = "━" * filled + "┈" * (16 - filled)
        line = f"epoch {self.epoch + 1:2d}/{self.epochs} {bar} {text}"
        if self.stream.isatty():
            line = "\r\033[K" + line
        self.stream.write(line)
        self.stream.flush()


def _numbers(logs):
    names = {
        "loss": "loss",
        "accuracy": "accuracy",
        "val_loss": "validation loss",
        "val_accuracy": "accuracy",
    }
    parts = []
    for key, label in names.items():
        if key in (logs or {}):
            comma = " · " if key == "val_loss" else "  "
            parts.append(f"{comma if parts else ''}{label} {logs[key]:.3f}")
    return "".join(parts)
