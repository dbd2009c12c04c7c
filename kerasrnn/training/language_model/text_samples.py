import pathlib
from typing import Any

import keras

HEADER = "# What the model wrote, as it learned\n"


class TextSamples(keras.callbacks.Callback):
    """Writes a page of what a `CharLanguageModel` writes at chosen steps of training.

    A step that the page has already is not written again, so a run that goes on after
    a kill goes on with its page too.

    Args:
        path: The Markdown file.
        steps: Numbers of the optimizer's steps, 0 for the untrained model; None: 0, 10,
            30, 100, 300, 1000, ...
        prompt: What the samples begin with.
        length: Characters of a sample.
        temperature: What logits are divided by; 0 takes the likeliest character.
        seed: The same for all samples, so that they differ by what was learned only.
        log: Called with the lines of every sample; None: not shown.
        writer: A model that writes, with the weights of the one that is trained, which
            several processes may share. None: the one that is trained.

    Example:

    >>> import tempfile
    >>> from kerasrnn.text import CharacterTokenizer
    >>> from kerasrnn.zoo import CharLanguageModel
    >>> model = CharLanguageModel(
    ...     preprocessor=CharacterTokenizer("helo"), units=4, num_layers=1
    ... )
    >>> path = pathlib.Path(tempfile.mkdtemp(), "samples.md")
    >>> samples = TextSamples(path, steps=[0, 1], length=8)
    >>> history = model.fit("hello", callbacks=[samples], verbose=0)
    >>> [line for line in path.read_text().splitlines() if line.startswith("##")]
    ['## Before training', '## After 1 step']
    """

    def __init__(
        self,
        path: Any,
        *,
        steps: Any = None,
        prompt: str = "",
        length: int = 300,
        temperature: float = 0.8,
        seed: int = 1,
        log: Any = None,
        writer: Any = None,
    ) -> None:
        super().__init__()
        if steps is None:
            steps = [0, *(n * 10**k for k in range(1, 9) for n in (1, 3))]
        self.path = pathlib.Path(path)
        self.steps = set(steps)
        self.prompt = prompt
        self.options = {"length": length, "temperature": temperature, "seed": seed}
        self.log = log
        self.writer = writer
        self.step = 0  # set anew where training begins

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.step = int(self.model.optimizer.iterations)
        if self.step == 0:
            self.write()

    def on_train_batch_end(self, batch: Any, logs: dict | None = None) -> None:
        self.step += 1
        self.write()

    def write(self) -> None:
        """Writes a sample where this step is one of those chosen."""
        if self.step not in self.steps:
            return
        title = "Before training"
        if self.step:
            title = f"After {self.step:,} step{'s' if self.step > 1 else ''}"
        title = f"\n## {title}\n"
        page = self.path.read_text("utf-8") if self.path.is_file() else HEADER
        if title in page:
            return
        writer = self.writer or self.model
        if writer is not self.model:
            writer.set_weights(self.model.get_weights())
        text = self.prompt + writer.generate(self.prompt, **self.options)
        # In a block of more backticks than any text has in a row.
        fence = "````"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(f"{page}{title}\n{fence}text\n{text}\n{fence}\n", "utf-8")
        if self.log is not None:
            for line in [title.strip("#\n "), *text.splitlines()]:
                self.log(line)
