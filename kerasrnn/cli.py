"""The command `kerasrnn`: see, train, judge, use and export the models of the zoo."""

import argparse
import contextlib
import importlib.util
import logging
import os
import pathlib
import sys
import tempfile
import textwrap
import warnings

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
    options = parser.parse_args(arguments)
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
        Downloads the data once, trains until the validation data gets no better, and
        ends with the accuracy on the test data, a confusion matrix and three texts
        with their scores. The output folder then holds the preset (the trained model),
        results.json and the figures.

        If it is stopped, by Ctrl-C or a power cut, the same command goes on where it
        was and ends in the very same weights.
        """,
        """
        kerasrnn train sentiment-movies
        kerasrnn train sentiment-movies --seed 1 2 3       mean of three runs
        kerasrnn train sentiment-movies --data my.tsv      label<tab>text on each line
        """,
    )
    train.set_defaults(when_stopped=" The same command goes on from where it was.")
    train.add_argument("recipe", help="a recipe's name, or a folder with a config.yaml")
    train.add_argument(
        "--data",
        metavar="FILE",
        help="learn from this text file instead: label<tab>text on each line",
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
        The data is the test split of the recipe's data set, or all lines of a file of
        your own.
        """,
        """
        kerasrnn evaluate sentiment-movies
        kerasrnn evaluate runs/sentiment-movies --data my.tsv
        """,
    )
    _add_model(evaluate)
    evaluate.add_argument(
        "--data",
        metavar="FILE",
        help="a text file with label<tab>text on each line; all of it is used",
    )

    predict = command(
        "predict",
        _predict,
        "Say what a trained model makes of texts.",
        """
        Prints a line for each text: label, probability, text, with tabs between.
        Without a text, reads one a line from standard input.
        """,
        """
        kerasrnn predict sentiment-movies "a gripping, funny film" "what a bore"
        cut -f2 reviews.tsv | kerasrnn predict sentiment-movies
        """,
    )
    _add_model(predict)
    predict.add_argument("text", nargs="*", help="texts; none: lines of standard input")

    export = command(
        "export",
        _export,
        "Write a trained model for production.",
        """
        Writes a TensorFlow SavedModel that takes raw strings and returns label and
        probabilities. It needs TensorFlow and neither Keras nor kerasrnn, and lies as
        TensorFlow Serving expects it: OUTPUT/VERSION.
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

    catalogue = _catalogue()
    recipes = [catalogue.load_recipe(name) for name in catalogue.list_recipes()]
    width = max((len(recipe.name) for recipe in recipes), default=0)
    for recipe in recipes:
        print(f"{recipe.name:{width}}  {recipe.summary}")
        notes = []
        if recipe.results is not None:
            accuracy = recipe.results["metrics"]["test_accuracy"]
            notes.append(f"test accuracy {accuracy:.1%}")
        notes.append("trained preset" if recipe.preset else "to be trained")
        print(f"{'':{width}}  {', '.join(notes)}")


def _show(options):
    print(_catalogue().load_recipe(options.recipe).describe())


def _train(options):
    _catalogue().load_recipe(
        options.recipe
    )  # A wrong name is told before TensorFlow is loaded.
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
    model = _load(options)
    from kerasrnn.metrics import classification_scores
    from kerasrnn.training import confusion_text, evaluation_examples

    test = evaluation_examples(options.model, model.labels, options.data)
    verbose = 1 if sys.stdout.isatty() else 0
    probabilities = model.predict(list(test.texts), batch_size=256, verbose=verbose)
    scores = classification_scores(test.labels, probabilities)
    print(f"{len(test):,} examples")
    for name in ("accuracy", "macro_f1", "loss"):
        print(f"  {name.replace('_', ' '):10} {scores[name]:.4f}")
    print()
    print(confusion_text(scores["confusion_matrix"], model.labels))


def _predict(options):
    if not options.text and sys.stdin.isatty():
        print("Type texts, one a line; Ctrl-D ends.", file=sys.stderr)
    model = _load(options)
    if options.text:
        _print_predictions(model, options.text)
        return
    # Bytes, since a line that is not UTF-8 is no reason to stop.
    lines = []
    for line in sys.stdin.buffer:
        lines.append(line.rstrip(b"\r\n"))
        if len(lines) == 256:
            _print_predictions(model, lines)
            lines = []
    if lines:
        _print_predictions(model, lines)


def _print_predictions(model, texts):
    rows = model.predict(texts, batch_size=256, verbose=0)
    for text, row in zip(texts, rows, strict=True):
        if isinstance(text, bytes):
            text = text.decode("utf-8", errors="replace")
        best = int(row.argmax())
        print(f"{model.labels[best]}\t{row[best]:.3f}\t{text}", flush=True)


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
    print(
        textwrap.indent(
            "import tensorflow as tf\n"
            f'model = tf.saved_model.load("{folder}")\n'
            'answer = model.signatures["serving_default"]\n'
            'print(answer(text=tf.constant(["a text of your own"])))',
            "    ",
        )
    )


def _catalogue():
    """The module `kerasrnn.zoo.catalogue`, without the TensorFlow of its package."""
    name = "kerasrnn.zoo.catalogue"
    if name not in sys.modules:
        path = pathlib.Path(__file__).with_name("zoo") / "catalogue.py"
        specification = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module
        specification.loader.exec_module(module)
    return sys.modules[name]


def _require_file(path):
    if path is not None and not pathlib.Path(path).is_file():
        raise UsageError(f"--data: there is no file {path!r}.")


def _load(options):
    """The trained model, loaded without a word from TensorFlow."""
    _catalogue().find_preset(
        options.model
    )  # A wrong name is told before TensorFlow is loaded.
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
