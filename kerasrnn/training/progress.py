import sys
import time

import keras

SHOWN = {
    "loss": "loss {:.3f}",
    "accuracy": "accuracy {:.3f}",
    "val_loss": "validation loss {:.3f}",
    "val_accuracy": "accuracy {:.3f}",
    "val_perplexity": "perplexity {:.2f}",
}
FILLED, EMPTY = "━┈"


class ProgressLine(keras.callbacks.Callback):
    """One line an epoch: a bar that fills while it runs, then what came of it.

    On a screen the line is redrawn in place; into a file only finished lines go.

    Args:
        epochs: How many epochs there are at most.
        shown: Metrics to show beside loss, accuracy and perplexity: the layout of
            each, by name.
        stream: Where to print. None: standard output.

    Example:

    >>> line = ProgressLine(9, shown={"val_bleu": "BLEU {:.1f}"})
    >>> line.numbers({"loss": 1.5, "val_bleu": 27.04})
    'loss 1.500  BLEU 27.0'
    """

    def __init__(
        self, epochs: int, *, shown: dict[str, str] | None = None, stream=None
    ):
        super().__init__()
        self.epochs = epochs
        self.shown = {**SHOWN, **(shown or {})}
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
        self._draw(done, self.numbers(logs) + f"  {left:3.0f} s left")

    def finish(self, logs, note=""):
        seconds = time.monotonic() - self.begin
        self._draw(self.steps, f"{self.numbers(logs)}  {seconds:4.1f} s{note}")
        self.stream.write("\n")
        self.stream.flush()

    def make_way(self):
        """Clear the line for another one, after which it is drawn again."""
        if self.stream.isatty():
            self.stream.write("\r\033[K")
            self.stream.flush()

    def validating(self):
        """Say that the steps are done and the validation data has its turn."""
        if self.stream.isatty():
            self._draw(self.steps, "validation")

    def numbers(self, logs: dict[str, float] | None) -> str:
        """The metrics that are shown, side by side."""
        parts: list[str] = []
        logs = logs or {}
        for key, layout in self.shown.items():
            if key in logs:
                dot = " · " if key == "val_loss" else "  "
                parts.append((dot if parts else "") + layout.format(logs[key]))
        return "".join(parts)

    def _draw(self, done, text):
        bar = _bar(done, self.steps, self.stream)
        epoch = f"epoch {self.epoch + 1:2d}/{self.epochs}"
        _draw(self.stream, f"{epoch} {bar} {text}")


class TimeLine(keras.callbacks.Callback):
    """Says, once some steps are done, how long they all take.

    Args:
        steps: How many steps there are at most.
        progress: The `ProgressLine`, whose line is made way for.
        log: Called with the line for the user.
        first: How many steps, which take longer, are not measured.
        measured: How many are, at least.
        seconds: For how long they are, at least.

    Example:

    >>> duration(8), duration(100), duration(3000), duration(9000)
    ('8 seconds', '100 seconds', '50 minutes', '2.5 hours')
    """

    def __init__(
        self,
        steps: int,
        progress: ProgressLine,
        log,
        *,
        first: int = 3,
        measured: int = 10,
        seconds: float = 2.0,
    ):
        super().__init__()
        self.steps, self.progress, self.log = steps, progress, log
        self.first, self.measured, self.seconds = first, measured, seconds
        self.done, self.begin = 0, 0.0
        self.told = False

    def on_train_batch_end(self, batch, logs=None):
        if self.told:
            return
        now = time.monotonic()
        self.done += 1
        if self.done == self.first:
            self.begin, self.epoch = now, self.progress.epoch
        count, seconds = self.done - self.first, now - self.begin
        if count < self.measured or seconds < self.seconds:
            return
        self.told = True
        self.progress.make_way()
        without = "" if self.progress.epoch > self.epoch else ", without validation"
        self.log(
            f"{self.steps:,} steps at most, {count / seconds:.1f} a second: "
            f"{duration(seconds / count * self.steps)}{without}"
        )


def duration(seconds: float) -> str:
    """A time in words."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


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
        bar = _bar(done, self.total, self.stream)
        text = f"{self.label} {bar} {done:,} of {self.total:,}"
        _draw(self.stream, f"{text}  {seconds:4.1f} s" + "\n" * finished)


def _bar(done, total, stream):
    filled = round(16 * done / total) if total else 16
    try:
        (FILLED + EMPTY).encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return "#" * filled + "." * (16 - filled)
    return FILLED * filled + EMPTY * (16 - filled)


def _draw(stream, line):
    stream.write("\r\033[K" + line if stream.isatty() else line)
    stream.flush()
