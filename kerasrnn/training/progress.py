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

    def validating(self):
        """Say that the steps are done and the validation data has its turn."""
        if self.stream.isatty():
            self._draw(self.steps, "validation")

    def _draw(self, done, text):
        line = f"epoch {self.epoch + 1:2d}/{self.epochs} {_bar(done, self.steps)}"
        _draw(self.stream, f"{line} {text}")


class CountLine:
    """One line for work that is counted: a bar that fills, then what it took.

    On a screen the line is redrawn in place; into a file only the finished line goes.

    Args:
        label: What is done.
        total: How many there are.
        stream: Where to print. None: standard output.
    """

    def __init__(self, label: str, total: int, stream=None):
        self.label, self.total = label, total
        self.stream = stream or sys.stdout
        self.begin = time.monotonic()

    def update(self, done: int):
        """So many are done, of which the last finishes the line."""
        finished = done >= self.total
        if not finished and not self.stream.isatty():
            return
        seconds = time.monotonic() - self.begin
        text = f"{self.label} {_bar(done, self.total)} {done:,} of {self.total:,}"
        _draw(self.stream, f"{text}  {seconds:4.1f} s" + "\n" * finished)


def _bar(done, total):
    filled = round(16 * done / total)
    return "━" * filled + "┈" * (16 - filled)


def _draw(stream, line):
    stream.write("\r\033[K" + line if stream.isatty() else line)
    stream.flush()


def _numbers(logs):
    names = {
        "loss": "loss {:.3f}",
        "accuracy": "accuracy {:.3f}",
        "val_loss": "validation loss {:.3f}",
        "val_accuracy": "accuracy {:.3f}",
        "val_perplexity": "perplexity {:.2f}",
        "val_bits_per_character": "bits {:.3f}",
        "val_bleu": "BLEU {:.1f}",
        "val_chrf": "chrF {:.1f}",
    }
    parts = []
    for key, label in names.items():
        if key in (logs or {}):
            comma = " · " if key == "val_loss" else "  "
            parts.append((comma if parts else "") + label.format(logs[key]))
    return "".join(parts)
