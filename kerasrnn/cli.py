"""The command `kerasrnn`: see, train, judge, use and export the models of the zoo."""

import argparse
import contextlib
import functools
import itertools
import logging
import os
import pathlib
import shlex
import sys
import tempfile
import textwrap
import warnings

from kerasrnn import catalogue
from kerasrnn.printable import printable
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


# In the help on a command, where the kinds of task say what they are about.
OF_EACH_KIND = "OF_EACH_KIND"


class UsageError(Exception):
    """The command cannot mean anything: exit code 2."""


class _Command(argparse.ArgumentParser):
    """The parser of one command, whose help may have a part for each kind of task.

    `of_kind` is the attribute of a `TaskKind` that such a part tells. The kinds are
    looked at when the help is asked for, and not before: they load TensorFlow.
    """

    of_kind: str | None = None

    def format_help(self) -> str:
        if self.of_kind is not None:
            with quiet_tensorflow():
                from kerasrnn.training.kinds import KINDS
            told = "\n".join(_told_of(kind, self.of_kind) for kind in KINDS)
            self.description = (self.description or "").replace(OF_EACH_KIND, told)
        return super().format_help()


def _told_of(kind, attribute):
    """What kind of model it is, its classes, and what the attribute says of it."""
    classes = ", ".join(model.__name__ for model in kind.models)
    text = textwrap.fill(
        getattr(kind, attribute),
        width=84,
        initial_indent=" " * 6,
        subsequent_indent=" " * 6,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return f"  {kind.plural} ({classes})\n{text}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 done, 1 failed, 2 wrong usage."""
    _open_streams()
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and (not hasattr(options, "text") or any(a[:1] == "-" for a in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:  # texts after an option, which argparse leaves over
        options.text += rest
    if options.command is None:
        parser.print_help()
        return 2
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A log file can be followed; what an encoding lacks is written out.
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
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
        _discard(sys.stdout)
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
    commands = parser.add_subparsers(
        dest="command", metavar="command", parser_class=_Command
    )

    def command(name, run, summary, details, examples, of_kind=None):
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
        sub.of_kind = of_kind
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

        Data of your own, its texts in UTF-8, for a recipe of
        OF_EACH_KIND

        A part of it is kept back to validate and to test. Of few data the batches and
        the network are made smaller, and the epochs more; every setting that follows
        from your data is told, and stands in results.json.

        --from begins with a trained model: its weights, its sizes, and its vocabulary
        with the words of your data added. Of a run of the same recipe and data, that
        run goes on, for --epochs N more epochs, and the run's folder may be the output.
        A classifier of few texts, the words of which the recipe's preset knows, begins
        with it by itself.

        If it is stopped, by Ctrl-C or a power cut, the same command goes on where it
        was and ends in the very same weights. A finished run is only replaced with
        --restart, and stays until the new one is there.
        """,
        """
        kerasrnn train sentiment-movies
        kerasrnn train sentiment-movies --seed 1 2 3       mean of three runs
        kerasrnn train sentiment-movies --data my.tsv
        kerasrnn train sentiment-movies --data my.tsv --from runs/sentiment-movies
        kerasrnn train translate-en-es --data pairs.tsv --from translate-en-es
        kerasrnn train char-lm --data book.txt
        """,
        of_kind="data_format",
    )
    train.set_defaults(when_stopped=" The same command goes on from where it was.")
    train.add_argument("recipe", help="a recipe's name, or a folder with a config.yaml")
    train.add_argument(
        "--data",
        metavar="FILE",
        help="learn from this file or folder instead of the recipe's data",
    )
    train.add_argument(
        "--output", metavar="FOLDER", help="where to put it all (runs/RECIPE)"
    )
    train.add_argument(
        "--seed", type=_seed, nargs="+", metavar="N", help="train once for each seed"
    )
    train.add_argument(
        "--epochs",
        type=_positive,
        metavar="N",
        help="at most N epochs, or of a run that goes on N more",
    )
    train.add_argument(
        "--from",
        dest="start_from",
        metavar="PRESET|RUN|scratch",
        help="begin with this trained model: a name from `kerasrnn list`, or the "
        "folder of a finished run; `scratch` with none, where a classifier of your own "
        "texts would begin with the recipe's preset",
    )
    train.add_argument(
        "--restart",
        action="store_true",
        help="begin anew, and replace a run that is there",
    )
    train.add_argument(
        "--no-word-vectors",
        action="store_true",
        help="begin without the English word vectors, 76 MB, of a classifier",
    )
    train.add_argument(
        "--workers",
        type=_positive,
        default=1,
        metavar="N",
        help="train by N processes, each of which takes its share of every batch, on "
        "this machine, or on the Ray cluster that RAY_ADDRESS names; it needs "
        "KERAS_BACKEND=jax and the extra `ray` (1)",
    )
    train.add_argument(
        "--tensorboard", action="store_true", help="write OUTPUT/logs for TensorBoard"
    )

    evaluate = command(
        "evaluate",
        _evaluate,
        "Judge a trained model on test data.",
        """
        The data is the test part of what the model was trained on; or all of a file or
        folder of your own, and of the very one that it was trained on its test part.

        Data of your own, its texts in UTF-8, for
        OF_EACH_KIND
        """,
        """
        kerasrnn evaluate sentiment-movies
        kerasrnn evaluate runs/sentiment-movies --data my.tsv
        kerasrnn evaluate chars-shakespeare --data book.txt
        kerasrnn evaluate chars-shakespeare --adapt
        """,
        of_kind="data_format",
    )
    _add_model(evaluate)
    evaluate.add_argument(
        "--adapt",
        action="store_true",
        help="let a language model learn and remember the text as it is judged, each "
        "character after it is scored; this takes minutes",
    )
    evaluate.add_argument(
        "--data",
        metavar="FILE",
        help="judge it on this file or folder",
    )

    predict = command(
        "predict",
        _predict,
        "Say what a trained model makes of texts or pictures, or let it write.",
        """
        What it prints for each text depends on the model:
        OF_EACH_KIND

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
        kerasrnn predict forecast-m3-monthly series.csv
        kerasrnn predict tag-brown "The old man the boats ."
        """,
        of_kind="printed",
    )
    _add_model(predict)
    predict.add_argument(
        "text",
        nargs="*",
        help="texts, numbers, or names of files; none: lines of standard input",
    )
    search = predict.add_argument_group("search")
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
    looks = predict.add_argument_group("pictures")
    looks.add_argument(
        "--attention",
        metavar="FILE",
        help="draw where it looked for each word of the first picture's caption, by "
        "greedy search, as a PNG file",
    )
    writing = predict.add_argument_group("writing")
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
            _seed,
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
        Writes a TensorFlow SavedModel that takes what users have, of
        OF_EACH_KIND

        It needs TensorFlow and neither Keras nor kerasrnn, and lies as TensorFlow
        Serving expects it: OUTPUT/VERSION.

        With --format onnx or litert, files for ONNX Runtime, on servers and in
        browsers, or for LiteRT, on phones: of texts from token ids on, with the
        tokenizer for Python and JavaScript beside them.
        """,
        """
        kerasrnn export sentiment-movies
        kerasrnn export runs/sentiment-movies --output /models/sentiment --version 2
        kerasrnn export translate-en-es --format onnx --quantize dynamic
        """,
        of_kind="exported",
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
    export.add_argument(
        "--format",
        choices=("saved_model", "onnx", "litert"),
        default="saved_model",
        help="for which runtime (saved_model)",
    )
    export.add_argument(
        "--quantize",
        choices=("dynamic",),
        help="weights of 8 bits; of onnx and litert",
    )
    export.add_argument(
        "--steps",
        type=_positive,
        metavar="N",
        help="tokens of a text, which are fixed in the files; of litert",
    )

    demo = command(
        "demo",
        _demo,
        "Write a web page that runs models in the browser.",
        """
        Static files, no server code: ONNX Runtime Web, the models as ONNX files, and a
        page with a part for each kind of model: a character model colours a text by
        one of its cells and goes on with it, a classifier says what each word does, a
        translator and a captioner show where they look. Needs the extra `onnx`; ONNX
        Runtime Web, 33 MB, the network that looks at pictures, 17 MB, and some
        pictures, 3 MB, are fetched once.

        Any web server can serve it; browsers load no models from a file's address.
        """,
        """
        kerasrnn demo --output page
        python -m http.server --bind 127.0.0.1 --directory page
        kerasrnn demo --output page --models sentiment-movies runs/translate-en-es
        """,
    )
    demo.add_argument(
        "--output", metavar="FOLDER", required=True, help="where to write the page"
    )
    demo.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="trained models: names from `kerasrnn list`, or folders of runs (two "
        "character models, a classifier, a translator and a captioner that ship)",
    )
    return parser


def _add_model(parser):
    parser.add_argument(
        "model", help="a trained model: a name from `kerasrnn list`, or a run's folder"
    )


def _whole_number(least, most=None):
    """What makes an integer of an argument, or says what was expected."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least or (most is not None and number > most):
            limits = (
                f"of at least {least}" if most is None else f"from {least} to {most}"
            )
            raise argparse.ArgumentTypeError(
                f"must be a whole number {limits}; got {text!r}"
            )
        return number

    return parse


_positive = _whole_number(1)
_seed = _whole_number(0, 2**32 - 1)


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
    if options.start_from not in (None, "scratch"):
        catalogue.find_preset(options.start_from)
    _require_file(options.data)
    with quiet_tensorflow(options.debug):
        from kerasrnn.training import train
        from kerasrnn.training.ray_workers import train_with_workers
    if options.workers == 1:
        run = functools.partial(train, log=_log)
    else:
        run = functools.partial(train_with_workers, options.workers)
    screen, sys.stdout = sys.stdout, _Patient(sys.stdout)
    try:
        with _notes():
            run(
                options.recipe,
                output=options.output,
                data=options.data,
                seeds=options.seed,
                epochs=options.epochs,
                start_from=options.start_from,
                restart=options.restart,
                tensorboard=options.tensorboard,
                word_vectors=not options.no_word_vectors,
                command=_command_line(),
            )
    finally:
        sys.stdout = screen


def _log(text):
    print(printable(text))


class _Patient:
    """Standard output that outlives its reader: `train | head` goes on to its end."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        return self._or_nowhere(self.stream.write, text)

    def flush(self):
        self._or_nowhere(self.stream.flush)

    def _or_nowhere(self, act, *arguments):
        try:
            return act(*arguments)
        except BrokenPipeError:
            _discard(self.stream)

    def __getattr__(self, name):
        return getattr(self.stream, name)


def _discard(stream):
    """Let what is written from now on, and what waits to be, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_streams():
    """Give a process that was started with closed standard streams empty ones.

    Otherwise the next files that are opened would take their numbers, and what
    libraries write to the screen would end in those files.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number, which is this one.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))


def _command_line():
    return shlex.join(["kerasrnn", *sys.argv[1:]])


def _evaluate(options):
    _require_file(options.data)
    # A wrong name is told before TensorFlow is loaded.
    catalogue.find_preset(options.model)
    with quiet_tensorflow(options.debug):
        from kerasrnn.training import evaluate
    evaluate(options.model, options.data, log=_log, adapt=options.adapt)


def _predict(options):
    if not options.text and sys.stdin.isatty():
        print("Type one a line; Ctrl-D ends.", file=sys.stderr)
    model = _load(options)
    from kerasrnn.training.task_kind import Unreadable

    kind = _kind_of(model)
    given = _given_options(model, kind, options)
    exit_code = 0
    with _notes():
        pieces = kind.predict(
            model, _batches(options.text), alone=len(options.text) == 1, **given
        )
        for piece in pieces:
            if isinstance(piece, Unreadable):
                print(f"kerasrnn predict: {printable(piece)}", file=sys.stderr)
                exit_code = 1
            else:
                sys.stdout.write(printable(piece))
                if piece.endswith(("\n", " ")):
                    sys.stdout.flush()
    sys.stdout.flush()
    return exit_code


def _batches(texts):
    """The texts of the command line at once, or the lines of standard input."""
    if texts:
        yield texts
        return
    # Bytes, since a line that is not UTF-8 is no reason to stop.
    lines = (line.rstrip(b"\r\n") for line in sys.stdin.buffer)
    while batch := list(itertools.islice(lines, 256)):
        yield batch


@contextlib.contextmanager
def _notes():
    """Shows warnings, such as of what was cut off, as lines for the user."""

    def show(message, category, filename, lineno, file=None, line=None):
        print(f"note: {printable(str(message))}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def _given_options(model, kind, options):
    """The options of `predict` that were given; those of other kinds are wrong."""
    from kerasrnn.training.kinds import KINDS

    given = {}
    for name in dict.fromkeys(name for kind in KINDS for name in kind.options):
        value = getattr(options, name)
        if value is None or value is False:  # `--seed 0` is given.
            continue
        if name not in kind.options:
            kinds = [other.plural for other in KINDS if name in other.options]
            raise UsageError(
                f"--{name.replace('_', '-')} is for {' and '.join(kinds)}; "
                f"{options.model} is a {type(model).__name__}."
            )
        given[name] = value
    try:
        kind.check_options(model, **given)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return given


def _kind_of(model):
    from kerasrnn.training.kinds import kind_of

    return kind_of(type(model).__name__)


def _export(options):
    model = _load(options)
    name = pathlib.Path(options.model).resolve().name
    output = pathlib.Path(options.output or pathlib.Path("exported", name))
    if (output / str(options.version)).exists():
        raise ValueError(
            f"{output / str(options.version)} exists already. Give the next --version, "
            "or another --output."
        )
    given = {"quantize": options.quantize, "steps": options.steps}
    given = {name: value for name, value in given.items() if value is not None}
    for name, formats in {"quantize": ("onnx", "litert"), "steps": ("litert",)}.items():
        if name in given and options.format not in formats:
            raise UsageError(
                f"--{name} is an option of --format {' and '.join(formats)}; got "
                f"--format {options.format}."
            )
    folder = model.export(
        output,
        version=options.version,
        format=options.format,
        verbose=True,
        **given,
    )
    if options.format == "saved_model":
        print("To use it, with nothing but TensorFlow:\n")
        print(textwrap.indent(_served_example(model, folder), "    "))
    else:
        _print_files(folder)


def _demo(options):
    for model in options.models:
        catalogue.find_preset(model)
    with quiet_tensorflow(options.debug):
        from kerasrnn.demo import write_demo
    models = {"models": options.models} if options.models else {}
    folder = write_demo(options.output, log=_log, **models)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(
        f"{folder}: {size / 1e6:,.0f} MB. To see it:\n\n"
        "    python -m http.server --bind 127.0.0.1 "
        f"--directory {shlex.quote(str(folder))}\n\n"
        "and open http://localhost:8000 in a browser."
    )


def _print_files(folder):
    """What lies beside the exported parts, and how to use it."""
    print("Beside them: model.json, what goes in and comes out of each.")
    if (folder / "tokenizer.json").exists():
        print(
            "And tokenizer.json, read by text_reader.py and text_reader.mjs:\n\n"
            "    import sys\n"
            f"    sys.path.insert(0, {str(folder)!r})\n"
            "    from text_reader import TextReader\n"
            f"    reader = TextReader({str(folder)!r})\n"
            '    print(reader.encode("a text of your own"))  # decode: back to a text'
        )


def _served_example(model, folder):
    return (
        "import tensorflow as tf\n"
        f"model = tf.saved_model.load({str(folder)!r})\n"
        'answer = model.signatures["serving_default"]\n'
        f"{_kind_of(model).served_example_of(model)}"
    )


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
