"""The command `kerasrnn`: see, train, judge, use and export the models of the zoo."""

import argparse
import contextlib
import functools
import itertools
import logging
import os
import pathlib
import sys
import tempfile
import textwrap
import warnings

from kerasrnn import catalogue
from kerasrnn.version import __version__

DESCRIPTION = """\
Recurrent networks for Keras 3, from the command line.

A recipe says how a model is trained: the data, the network, the training. A preset is
a trained model. A recipe that ships one can be used at once, under the same name.
"""

EXAMPLES = """\
examples:
  kerasrnn list
  kerasrnn predict sentiment-movies "a gripping, funny film"
  kerasrnn train sentiment-movies
  kerasrnn predict runs/sentiment-movies "a film as long as it is empty"

Help on one command: kerasrnn train --help
"""


class UsageError(Exception):
    """The command cannot mean anything: exit code 2."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 done, 1 failed, 2 wrong usage."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and (not hasattr(options, "text") or any(a[:1] == "-" for a in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:  # texts after an option, which argparse leaves over
        options.text += rest
    if options.command is None:
        parser.print_help()
        return 2
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # A log file can be followed.
    if not options.debug:
        # A warning of a library is for those who write code with it.
        warnings.simplefilter("ignore")
    try:
        return options.run(options) or 0
    except KeyboardInterrupt:
        print("Stopped." + options.when_stopped, file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as error:
        print(f"kerasrnn {options.command}: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if options.debug:
            raise
        reason = " ".join(str(error).split()) or "no message"
        if not isinstance(error, (ValueError, TypeError, OSError)):
            reason = f"{type(error).__name__}: {reason} (--debug shows where)"
        print(f"kerasrnn {options.command}: {reason}", file=sys.stderr)
        return 1


def _parser():
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="kerasrnn",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=layout,
    )
    parser.add_argument(
        "--version", action="version", version=f"kerasrnn {__version__}"
    )
    parser.set_defaults(debug=False, when_stopped="")
    commands = parser.add_subparsers(dest="command", metavar="command")

    def command(name, run, summary, details, examples):
        sub = commands.add_parser(
            name,
            help=summary,
            description=f"{summary}\n\n{textwrap.dedent(details).strip()}",
            epilog="examples:\n"
            + textwrap.indent(textwrap.dedent(examples).strip(), "  "),
            formatter_class=layout,
        )
        sub.add_argument(
            "--debug",
            action="store_true",
            help="show tracebacks, warnings and TensorFlow's log",
        )
        sub.set_defaults(run=run)
        return sub

    about = "What recipes there are, and how good their models."
    command("list", _list, about, "", "kerasrnn list")

    about = "All about one recipe: data, network, training, results."
    show = command("show", _show, about, "", "kerasrnn show sentiment-movies")
    show.add_argument("recipe", help="a name that `kerasrnn list` gives")

    train = command(
        "train",
        _train,
        "Train a recipe on its data, or on your own.",
        """
        Downloads the data once, trains until the recipe's epochs are over or the
        validation data gets no better, and ends with the scores on the test data and
        examples of what the model does. The output folder then holds the preset (the
        trained model), results.json and the figures.

        Data of your own, in UTF-8, for a recipe that
          classifies  a file with label<tab>text on each line
          translates  a file with source<tab>target on each line
          captions    a folder of pictures, with a file captions.tsv in it that has
                      file<tab>caption on each line
          writes      any text file of 200 characters or more, however large
        A part of it is kept back to validate and to test.

        If it is stopped, by Ctrl-C or a power cut, the same command goes on where it
        was and ends in the very same weights.
        """,
        """
        kerasrnn train sentiment-movies
        kerasrnn train sentiment-movies --seed 1 2 3       mean of three runs
        kerasrnn train sentiment-movies --data my.tsv      label<tab>text on each line
        kerasrnn train translate-en-es --data pairs.tsv    source<tab>target
        kerasrnn train caption-stamps --data pictures      with captions.tsv
        kerasrnn train char-lm --data book.txt             any text in UTF-8
        """,
    )
    train.set_defaults(when_stopped=" The same command goes on from where it was.")
    train.add_argument("recipe", help="a recipe's name, or a folder with a config.yaml")
    train.add_argument(
        "--data",
        metavar="FILE",
        help="learn from this file, or folder of pictures, instead of the recipe's "
        "data",
    )
    train.add_argument(
        "--output", metavar="FOLDER", help="where to put it all (runs/RECIPE)"
    )
    train.add_argument(
        "--seed", type=int, nargs="+", metavar="N", help="train once for each seed"
    )
    train.add_argument("--epochs", type=_positive, metavar="N", help="at most N epochs")
    train.add_argument(
        "--restart", action="store_true", help="throw away an unfinished run"
    )
    train.add_argument(
        "--tensorboard", action="store_true", help="write OUTPUT/logs for TensorBoard"
    )

    evaluate = command(
        "evaluate",
        _evaluate,
        "Judge a trained model on test data.",
        """
        The data is the test split of the recipe's data set, or all of a file or folder
        of your own, which looks as for `kerasrnn train`.
        """,
        """
        kerasrnn evaluate sentiment-movies
        kerasrnn evaluate runs/sentiment-movies --data my.tsv
        kerasrnn evaluate chars-shakespeare --data book.txt
        """,
    )
    _add_model(evaluate)
    evaluate.add_argument(
        "--data",
        metavar="FILE",
        help="a file with label<tab>text on each line, or source<tab>target for a "
        "translator, or any text for a language model; or a folder of pictures with a "
        "captions.tsv of file<tab>caption; all of it is used",
    )

    predict = command(
        "predict",
        _predict,
        "Say what a trained model makes of texts or pictures, or let it write.",
        """
        What it prints for each text depends on the model:
          classifier      a line of label, probability and text, with tabs between
          translator      the translation; with --n-best N as many lines, the best first
          captioner       the texts are names of picture files: the caption; of several
                          pictures, or of standard input, the file's name and a tab
                          before each
          language model  the text, and what the model writes after it, character by
                          character, line feeds too; "" lets it begin by itself
        Without a text, reads one a line from standard input. A picture that cannot be
        read is told on standard error, and the exit code is 1 after all others are
        done.
        """,
        """
        kerasrnn predict sentiment-movies "a gripping, funny film" "what a bore"
        cut -f2 reviews.tsv | kerasrnn predict sentiment-movies
        kerasrnn predict translate-en-es "In the beginning was the word."
        kerasrnn predict translate-en-es --n-best 3 --scores "Let there be light."
        kerasrnn predict caption-stamps-attention photo.png --attention looks.png
        kerasrnn predict chars-shakespeare "ROMEO:" --length 300 --temperature 0.7
        """,
    )
    _add_model(predict)
    predict.add_argument(
        "text",
        nargs="*",
        help="texts, or picture files; none: lines of standard input",
    )
    search = predict.add_argument_group("translators and captioners")
    search.add_argument(
        "--beam",
        type=_positive,
        metavar="N",
        help="search with N beams; 1 is greedy search (5)",
    )
    search.add_argument(
        "--n-best",
        type=_positive,
        metavar="N",
        help="the N best translations or captions, at most as many as beams (1)",
    )
    search.add_argument(
        "--scores",
        action="store_true",
        help="the search's score and a tab before each translation or caption",
    )
    looks = predict.add_argument_group("captioners that attend")
    looks.add_argument(
        "--attention",
        metavar="FILE",
        help="draw where it looked for each word of the first picture's caption, by "
        "greedy search, as a PNG file",
    )
    writing = predict.add_argument_group("character language models")
    for name, kind, metavar, about in (
        ("--length", _positive, "N", "how many characters to write (500)"),
        (
            "--temperature",
            float,
            "T",
            "1 draws as the model says; below 1 likely characters become likelier; 0 "
            "always takes the likeliest (0.7)",
        ),
        ("--top-k", _positive, "K", "draw from the K likeliest characters only"),
        (
            "--seed",
            int,
            "S",
            "an integer from 0 on: the same text every time; without it another one "
            "each time",
        ),
    ):
        writing.add_argument(name, type=kind, metavar=metavar, help=about)

    export = command(
        "export",
        _export,
        "Write a trained model for production.",
        """
        Writes a TensorFlow SavedModel that takes raw strings, or the bytes of pictures,
        and returns label and probabilities, translations or captions; of a language
        model what comes after a text, and, under other signatures, the probability of
        every character (score), and of the next one, state in and out (step). It needs
        TensorFlow and neither Keras nor kerasrnn, and lies as TensorFlow Serving
        expects it: OUTPUT/VERSION.
        """,
        """
        kerasrnn export sentiment-movies
        kerasrnn export runs/sentiment-movies --output /models/sentiment --version 2
        """,
    )
    _add_model(export)
    export.add_argument(
        "--output", metavar="FOLDER", help="where to write it (exported/MODEL)"
    )
    export.add_argument(
        "--version",
        type=_positive,
        default=1,
        metavar="N",
        help="version number, the folder's name (1)",
    )
    return parser


def _add_model(parser):
    parser.add_argument(
        "model", help="a trained model: a name from `kerasrnn list`, or a run's folder"
    )


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more; got {number}")
    return number


def _list(options):
    recipes = [catalogue.load_recipe(name) for name in catalogue.list_recipes()]
    width = max((len(recipe.name) for recipe in recipes), default=0)
    for recipe in recipes:
        print(f"{recipe.name:{width}}  {recipe.summary}")
        notes = []
        if recipe.results is not None:
            name = recipe.headline
            value = {name: recipe.results["metrics"][name]}  # without its spread
            label = catalogue.metric_label(name)
            notes.append(f"{label} {catalogue.metric_text(value, name)}")
        notes.append("trained preset" if recipe.preset else "to be trained")
        print(f"{'':{width}}  {', '.join(notes)}")


def _show(options):
    print(catalogue.load_recipe(options.recipe).describe())


def _train(options):
    # A wrong name is told before TensorFlow is loaded.
    catalogue.load_recipe(options.recipe)
    _require_file(options.data)
    with quiet_tensorflow(options.debug):
        from kerasrnn.training import train
    train(
        options.recipe,
        output=options.output,
        data=options.data,
        seeds=options.seed,
        epochs=options.epochs,
        restart=options.restart,
        tensorboard=options.tensorboard,
        command=_command_line(),
    )


def _command_line():
    import shlex

    return shlex.join(["kerasrnn", *sys.argv[1:]])


def _evaluate(options):
    _require_file(options.data)
    # A wrong name is told before TensorFlow is loaded.
    catalogue.find_preset(options.model)
    with quiet_tensorflow(options.debug):
        from kerasrnn.training import evaluate
    evaluate(options.model, options.data)


def _predict(options):
    if not options.text and sys.stdin.isatty():
        print("Type one a line; Ctrl-D ends.", file=sys.stderr)
    model = _load(options)
    from kerasrnn.zoo import CharLanguageModel

    if isinstance(model, CharLanguageModel):
        return _write_on(model, options)
    _refuse(model, options, WRITING, "character language models")
    lines = _lines_of(model, options)
    if options.text:
        _print_lines(lines(options.text))
    else:
        # Bytes, since a line that is not UTF-8 is no reason to stop.
        texts = (text.rstrip(b"\r\n") for text in sys.stdin.buffer)
        while batch := list(itertools.islice(texts, 256)):
            _print_lines(lines(batch))
    return getattr(lines, "exit_code", 0)


# Options of `predict` for models of one kind.
SEARCHING = ("beam", "n_best", "scores")
WRITING = ("length", "temperature", "top_k", "seed")


def _refuse(model, options, names, kind):
    """Options of another kind of models than this one are wrong usage."""
    for name in names:
        given = getattr(options, name)
        if given is not None and given is not False:  # `--seed 0` is given.
            raise UsageError(
                f"--{name.replace('_', '-')} is for {kind}; {options.model} is a "
                f"{type(model).__name__}."
            )


def _write_on(model, options):
    """Go on with every text, and show each character as soon as it is there."""
    _refuse(model, options, SEARCHING, "translators and captioners")
    _refuse(model, options, ["attention"], "captioners that attend")
    given = {name: getattr(options, name) for name in WRITING}
    given = {"length": 500, "temperature": 0.7} | {
        name: value for name, value in given.items() if value is not None
    }
    prompts = options.text or (
        line.rstrip(b"\r\n").decode("utf-8", "replace") for line in sys.stdin.buffer
    )
    for prompt in prompts:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            characters = model.stream(prompt, **given)
        for warning in told:  # Such as characters that it does not know.
            print(f"note: {warning.message}", file=sys.stderr)
        print(prompt, end="", flush=True)
        for character in characters:
            print(character, end="", flush=character.isspace())
        print()


def _lines_of(model, options):
    """A function from texts to the lines that say what the model makes of them."""
    from kerasrnn.zoo import ImageCaptioner, Seq2Seq

    sees = isinstance(model, ImageCaptioner)
    if not (sees and model.attends):
        _refuse(model, options, ["attention"], "captioners that attend")
    if sees or isinstance(model, Seq2Seq):
        n_best = options.n_best or 1
        beam_width = options.beam or max(5, n_best)
        if n_best > beam_width:
            raise UsageError(
                f"--n-best must be at most --beam, {beam_width}; got {n_best}."
            )
        search = {"beam_width": beam_width, "n_best": n_best, "length_penalty": 1.0}
        if sees:
            return _Captions(model, search, options)
        return functools.partial(_translations, model, search, options.scores)
    _refuse(model, options, SEARCHING, "translators and captioners")
    return functools.partial(_classes, model)


def _translations(model, search, with_scores, texts):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        found, scores = model.generate(
            texts, search="beam", return_scores=True, verbose=0, **search
        )
    for warning in told:  # Such as what was cut off.
        print(f"note: {warning.message}", file=sys.stderr)
    for best, of_best in zip(found, scores, strict=True):
        yield from _best_lines(best, of_best, with_scores)


def _best_lines(best, scores, with_scores, before=""):
    for text, score in zip(best, scores, strict=True):
        # A translation is one line, whatever the model writes.
        text = " ".join(text.splitlines())
        yield f"{before}{score:.3f}\t{text}" if with_scores else f"{before}{text}"


class _Captions:
    """From the names of picture files to their captions, line by line."""

    exit_code = 0

    def __init__(self, model, search, options):
        self.model, self.search, self.options = model, search, options
        self.figure = options.attention

    def __call__(self, files):
        for start in range(0, len(files), 32):
            yield from self.of_batch(files[start : start + 32])

    def of_batch(self, files):
        import numpy as np

        encoder = self.model.build_encoder()
        names = [os.fsdecode(file) for file in files]
        images = {at: self.read(name) for at, name in enumerate(names)}
        images = {at: image for at, image in images.items() if image is not None}
        if not images:
            return
        if self.figure:
            self.draw(names[min(images)])
        found, scores = self.model.generate(
            encoder.predict_on_batch(np.concatenate([*images.values()])),
            search="beam",
            return_scores=True,
            verbose=0,
            **self.search,
        )
        for at, best, of_best in zip(images, found, scores, strict=True):
            before = "" if len(self.options.text) == 1 else f"{names[at]}\t"
            yield from _best_lines(best, of_best, self.options.scores, before)

    def read(self, name):
        """The picture as the encoder sees it; None, and a line of error, if broken."""
        from kerasrnn.vision import read_images

        size = self.model.build_encoder().image_size
        try:
            return read_images(pathlib.Path(name).read_bytes(), size, names=[name])
        except (OSError, ValueError) as error:
            reason = (
                f"{name}: {error.strerror}" if hasattr(error, "strerror") else error
            )
            print(f"kerasrnn predict: {reason}", file=sys.stderr)
            self.exit_code = 1

    def draw(self, name):
        """The contact sheet of the first picture that could be read."""
        from kerasrnn.inspection import caption_attention, caption_attention_figure

        caption_attention_figure(*caption_attention(self.model, name), self.figure)
        self.figure = None


def _classes(model, texts):
    rows = model.predict(texts, batch_size=256, verbose=0)
    for text, row in zip(texts, rows, strict=True):
        if isinstance(text, bytes):
            text = text.decode("utf-8", errors="replace")
        best = int(row.argmax())
        yield f"{model.labels[best]}\t{row[best]:.3f}\t{text}"


def _print_lines(lines):
    for line in lines:
        print(line, flush=True)


def _export(options):
    model = _load(options)
    name = pathlib.Path(options.model).resolve().name
    output = pathlib.Path(options.output or pathlib.Path("exported", name))
    if (output / str(options.version)).exists():
        raise ValueError(
            f"{output / str(options.version)} exists already. Give the next --version, "
            "or another --output."
        )
    folder = model.export(output, version=options.version)
    print(f"Written to {folder}. To use it, with nothing but TensorFlow:\n")
    print(textwrap.indent(_served_example(model, folder), "    "))


def _served_example(model, folder):
    example = (
        "import tensorflow as tf\n"
        f'model = tf.saved_model.load("{folder}")\n'
        'answer = model.signatures["serving_default"]\n'
    )
    if hasattr(model, "build_encoder"):
        return (
            f'{example}picture = tf.io.read_file("photo.png")\n'
            'print(answer(image_bytes=[picture])["caption"].numpy()[0].decode())'
        )
    if hasattr(model, "stream"):
        return (
            f"{example}written = answer(\n"
            '    text=tf.constant(["The "]),\n'
            "    length=tf.constant(200),\n"
            "    temperature=tf.constant(0.7),\n"
            "    seed=tf.constant(1),\n"
            ")\n"
            'print("The " + written["text"].numpy()[0].decode())'
        )
    call = 'answer(text=tf.constant(["a text of your own"]))'
    if hasattr(model, "generate"):
        return f'{example}print({call}["text"].numpy()[0].decode())'
    return f"{example}print({call})"


def _require_file(path):
    # Captioners take a folder.
    if path is not None and not pathlib.Path(path).exists():
        raise UsageError(f"--data: there is no file {path!r}.")


def _load(options):
    """The trained model, loaded without a word from TensorFlow."""
    # A wrong name is told before TensorFlow is loaded.
    catalogue.find_preset(options.model)
    with quiet_tensorflow(options.debug):
        from kerasrnn.zoo import Task

        return Task.from_preset(options.model)


@contextlib.contextmanager
def quiet_tensorflow(debug: bool = False):
    """Keep TensorFlow's log off the screen while it starts, and the rest after.

    TensorFlow's C++ code writes to file descriptor 2 before it reads the level that
    `TF_CPP_MIN_LOG_LEVEL` asks for, so that descriptor is a file while it starts. If
    starting fails, what was written is shown.
    """
    if debug:
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_logical_devices()  # Starts the devices, which log too.
            yield
        except BaseException:
            sys.stderr.flush()
            os.dup2(screen, 2)
            log.seek(0)
            os.write(2, log.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
