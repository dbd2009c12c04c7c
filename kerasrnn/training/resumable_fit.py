import dataclasses
import time
from typing import Any

import keras
import numpy as np

from kerasrnn.training.workers import Workers


def lower_is_better(metric: str) -> bool:
    """Whether a metric of this name is better when it is lower.

    Example:

    >>> lower_is_better("val_loss"), lower_is_better("val_bleu")
    (True, False)
    """
    return metric.endswith(("loss", "perplexity", "bits_per_character", "smape"))


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What came of a `resumable_fit`.

    Args:
        history: The metrics of every epoch.
        kept_epochs: Numbers, from 0, of the epochs whose weights the model ends with,
            the best first; of several it has the mean.
        metrics: The validation metrics of the weights that the model ends with.
        averages_tried: The validation metrics of the mean of the weights of the best
            epochs, or None where none was asked for.
        seconds: Time that the training steps took, not counting validation.
    """

    history: list[dict[str, float]]
    kept_epochs: list[int]
    metrics: dict[str, float]
    averages_tried: dict[str, float] | None
    seconds: float


def resumable_fit(
    model,
    data,
    *,
    checkpoints,
    epochs: int,
    seed: int,
    patience: int | None = 3,
    monitor: str = "val_accuracy",
    average_checkpoints: int = 1,
    average_from: int | None = None,
    told_apart=None,
    checkpoint_every: int = 200,
    progress=None,
    log=print,
    hints: bool = True,
    callbacks=(),
    on_epoch_end=(),
    workers: Workers | None = None,
    learner=None,
) -> Fitted | None:
    """Train to the same weights, bit for bit, however often the process is killed.

    The order of the data is a pure function of seed and epoch; a checkpoint holds all
    else that the next step depends on: weights, optimizer, state of every random seed,
    the running metrics, and the weights of the best epochs so far, with which the
    model ends.

    Args:
        model: A compiled `keras.Model`.
        data: What to learn from, with three methods: `order(seed, epoch)` is a list of
            what each step of an epoch learns from, `dataset(order)` a
            `tf.data.Dataset` of such a list's batches, and `validate(model)` a dict
            of `val_*` metrics.
        checkpoints: A `Checkpoints`; the run goes on from the newest.
        epochs: How many at most.
        seed: Seed of the order of the data.
        patience: Epochs without a better `monitor` before it stops; the weights of the
            best epoch are then kept. None: all epochs, and the weights of the last.
        monitor: The metric that says which epoch is best, such as `"val_accuracy"`,
            `"val_loss"` or `"val_bleu"`.
        average_checkpoints: K; the model ends with the mean of the weights after the K
            best epochs, of which those count that are at most K epochs from the best
            one, unless the best epoch alone is better.
        average_from: The model ends with the mean of the weights after every epoch
            from this number on, counted from 1, whatever `monitor` says; `patience`
            must then be None. None: no such mean.
        told_apart: From an epoch's metrics to whether `monitor` says anything of it.
            An epoch of which it does not is judged by its `val_loss`, and is worse than
            one of which it does. None: it always does.
        checkpoint_every: Steps between checkpoints; one is also made each epoch.
        progress: A `ProgressLine`, or None.
        log: Called with the lines for the user.
        hints: Whether they say why it ended, and what may be better.
        callbacks: More Keras callbacks.
        on_epoch_end: Functions that are called with the epoch's number and its metrics.
        workers: The processes that train together. None: this one alone.
        learner: The model that they train, `workers.learner` of the same model; the
            first process has the outcome in `model`, the others need none. None:
            `model` itself is trained.

    Returns:
        What came of it; None in all processes but the first.

    Reference: averaging: Junczys-Dowmunt et al. 2016, "The AMU-UEDIN Submission to the
    WMT16 News Translation Task", section 4; of every epoch: Izmailov et al. 2018,
    "Averaging Weights Leads to Wider Optima and Better Generalization".
    """
    if average_checkpoints < 1:
        raise ValueError(
            "`average_checkpoints` must be a positive integer; got "
            f"{average_checkpoints!r}."
        )
    if average_from is not None:
        if not 1 <= average_from <= epochs:
            raise ValueError(
                f"`average_from` must be an epoch from 1 to {epochs}; got "
                f"{average_from!r}."
            )
        if patience is not None or average_checkpoints != 1:
            raise ValueError(
                "`average_from` takes the mean of all later epochs, so `patience` must "
                "be None and `average_checkpoints` 1; got "
                f"{patience!r} and {average_checkpoints!r}."
            )
    workers = workers or Workers()
    learner = model if learner is None else learner
    with workers.scope():
        learner.optimizer.build(learner.trainable_variables)
    state: dict[str, Any] = {
        "epoch": 0,
        "step": 0,
        "waited": 0,
        "history": [],
        "best_epochs": [],
        "seconds": 0.0,
    }
    # Of the epochs in state["best_epochs"], the best first; with `average_from` the
    # mean so far, alone.
    best_weights: list[list[np.ndarray]] = []
    # The weights of the last epoch are kept where nothing says which are better.
    kept = average_checkpoints
    if patience is None and average_checkpoints == 1:
        kept = 0
    saver = _Saver(checkpoint_every)
    saved = workers.from_first(checkpoints.load() if workers.is_first else None)
    for skipped in checkpoints.skipped:
        log(f"Skipped a damaged checkpoint, {skipped}.")
    if saved is not None:
        arrays, state = saved
        variables = _state_variables(learner)
        _restore(variables, _collect(arrays, "model"), "model")
        optimizer = learner.optimizer.variables
        _restore(optimizer, _collect(arrays, "optimizer"), "optimizer")
        saver.torch_states = _collect(arrays, "torch")
        saver.metrics = _collect(arrays, "metrics")
        flat = _collect(arrays, "best")
        width = len(variables)
        best_weights = [flat[i : i + width] for i in range(0, len(flat), width)]
        log(f"Going on from epoch {state['epoch'] + 1}, step {state['step']}.")

    def save(learner, metrics=()):
        if not workers.is_first:
            return
        arrays = {
            **_named(_state_variables(learner), "model"),
            **_named(learner.optimizer.variables, "optimizer"),
            **_named(metrics, "metrics"),
            **_named([array for arrays in best_weights for array in arrays], "best"),
            **_named(_torch_random_states(), "torch"),
        }
        checkpoints.save(int(learner.optimizer.iterations), arrays, state)

    def take_over():
        if workers.is_first and learner is not model:
            weights = [_array(v) for v in _state_variables(learner)]
            _restore(_state_variables(model), weights, "model")

    def better(one, other):
        return _rank(one, monitor, told_apart) > _rank(other, monitor, told_apart)

    def metrics_of(epoch):
        return state["history"][epoch]

    def stop():
        return patience is not None and state["waited"] >= patience

    while state["epoch"] < epochs and not stop():
        epoch, first_step = state["epoch"], state["step"]
        order = data.order(seed, epoch)
        if progress is not None:
            progress.start(epoch, len(order), first_step)
        with workers.scope():
            if saver.metrics:
                # Makes the variables of the metrics, which are to be filled.
                learner.evaluate(data.dataset(order[:1]), verbose=0)
            saver.start(state, save, steps=len(order))
            fitted = learner.fit(
                data.dataset(order[first_step:]),
                shuffle=False,
                verbose=0,
                callbacks=[saver, *([progress] if progress else []), *callbacks],
            )
        saver.count_seconds()
        metrics = {name: float(values[-1]) for name, values in fitted.history.items()}
        if progress is not None:
            progress.validating()
        take_over()
        validated = data.validate(model) if workers.is_first else None
        metrics |= workers.from_first(validated)
        if monitor not in metrics:
            raise ValueError(
                f"`monitor` must be one of {', '.join(metrics)}; got {monitor!r}."
            )
        best = state["best_epochs"]
        is_best = not best or better(metrics, metrics_of(best[0]))
        state["waited"] = 0 if is_best else state["waited"] + 1
        state["history"].append(metrics)
        # Of two that are as good, the earlier one comes first.
        place = sum(not better(metrics, metrics_of(other)) for other in best)
        best.insert(place, epoch)
        if kept:
            if place < kept:
                weights = [_array(v) for v in _state_variables(learner)]
                best_weights.insert(place, weights)
            del best_weights[kept:]
        elif average_from is not None and epoch + 1 >= average_from:
            weights = [_array(v) for v in _state_variables(learner)]
            if best_weights:
                count = epoch + 2 - average_from
                weights = _moved(best_weights[0], weights, 1 / count)
            best_weights = [weights]
        del best[max(kept, 1) :]
        state |= {"epoch": epoch + 1, "step": 0}
        save(learner)
        if progress is not None:
            progress.finish(metrics, "  best" if is_best else "")
        for function in on_epoch_end:
            function(epoch, metrics)

    if not workers.is_first:
        return None
    take_over()
    history, best = state["history"], state["best_epochs"]
    if hints:
        waited = patience if stop() else None
        _tell_the_end(history, best[0], epochs, monitor, waited, log)
    if average_from is not None:
        _restore(_state_variables(model), best_weights[0], "mean")
        tried = data.validate(model)
        epochs_of_mean = list(range(average_from - 1, len(history)))
        return Fitted(history, epochs_of_mean, tried, tried, state["seconds"])
    if not kept:
        last = len(history) - 1
        return Fitted(history, [last], history[last], None, state["seconds"])
    variables = _state_variables(model)
    tried = None
    # What was learned far from the best epoch is another solution, and no mean of two
    # is one.
    near = [n for n, epoch in enumerate(best) if abs(epoch - best[0]) <= kept]
    if len(near) > 1:
        _restore(variables, _mean([best_weights[n] for n in near]), "mean")
        tried = data.validate(model)
        log(
            f"The mean of {len(near)} epochs has {monitor} {tried[monitor]:.4g}, the "
            f"best of them {metrics_of(best[0])[monitor]:.4g}."
        )
        if not better(metrics_of(best[0]), tried):
            averaged = [best[n] for n in near]
            return Fitted(history, averaged, tried, tried, state["seconds"])
    _restore(variables, best_weights[0], "best")
    return Fitted(history, best[:1], history[best[0]], tried, state["seconds"])


def _rank(metrics, monitor, told_apart):
    """What is greater for better metrics."""
    if told_apart is not None and not told_apart(metrics):
        return (False, -metrics["val_loss"])
    value = metrics[monitor]
    return (True, -value if lower_is_better(monitor) else value)


def _tell_the_end(history, best, epochs, monitor, patience, log):
    """Say why it ended, and whether more of it could be better."""
    last = len(history) - 1
    if patience is not None and len(history) < epochs:
        log(
            f"Stopped after epoch {last + 1} of {epochs}: for {patience} epochs, none "
            f"was better than epoch {best + 1}, with {monitor} "
            f"{history[best][monitor]:.4g}."
        )
    elif best == last > 0:
        log(
            f"The last epoch was the best by {monitor}: more of them may be better "
            f"still (--from this run, with --epochs {max(1, epochs // 2)})."
        )


class _Saver(keras.callbacks.Callback):
    """Saves every so many steps, and puts back what beginning an epoch changes."""

    def __init__(self, every):
        super().__init__()
        self.every = every
        self.torch_states, self.metrics = [], []

    def start(self, state, save, steps):
        self.state, self.save, self.steps = state, save, steps
        self.first_step = state["step"]
        self.clock = time.monotonic()
        # Beginning an epoch draws from PyTorch's generator, in a new process more often
        # than in one that has done it before: the first batch undoes that.
        self.torch_states = self.torch_states or _torch_random_states()

    def on_train_batch_begin(self, batch, logs=None):
        _restore_torch_random_states(self.torch_states)
        if self.metrics:
            # Keras set them to zero when `fit` began, in the middle of the epoch.
            _restore(self.model.metrics_variables, self.metrics, "metrics")
        self.torch_states, self.metrics = [], []

    def on_train_batch_end(self, batch, logs=None):
        step = self.first_step + batch + 1
        self.state["step"] = step
        if step % self.every == 0 and step < self.steps:
            self.count_seconds()
            # Reading `self.model` brings the variables up to date on JAX.
            self.save(self.model, self.model.metrics_variables)

    def count_seconds(self):
        now = time.monotonic()
        self.state["seconds"] += now - self.clock
        self.clock = now


def _mean(weights):
    """The mean of sets of arrays; of those that hold no floats, the first set's."""
    return [
        np.mean(arrays, axis=0, dtype="float64").astype(arrays[0].dtype)
        if np.issubdtype(arrays[0].dtype, np.floating)
        else arrays[0]
        for arrays in zip(*weights, strict=True)
    ]


def _moved(mean, weights, share):
    """The mean moved to newer arrays by a share; of those without floats, the newer."""
    return [
        old + np.asarray(share * (new.astype("float64") - old), new.dtype)
        if np.issubdtype(new.dtype, np.floating)
        else new
        for old, new in zip(mean, weights, strict=True)
    ]


def _state_variables(model):
    """All that training changes in the model: weights and states of random seeds."""
    metrics = {id(variable) for variable in model.metrics_variables}
    return [v for v in model.variables if id(v) not in metrics]


def _torch_random_states():
    """States of PyTorch's own generators, which Keras's dropout draws from there."""
    if keras.config.backend() != "torch":
        return []
    import torch

    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return [state.numpy() for state in states]


def _restore_torch_random_states(states):
    if not states:
        return
    import torch

    states = [torch.from_numpy(state) for state in states]
    torch.set_rng_state(states[0])
    torch.cuda.set_rng_state_all(states[1:])


def _array(variable):
    return keras.ops.convert_to_numpy(variable.value).copy()


def _named(values, prefix):
    arrays = [v if isinstance(v, np.ndarray) else _array(v) for v in values]
    return {f"{prefix}/{i:06d}": array for i, array in enumerate(arrays)}


def _collect(arrays, prefix):
    return [arrays[name] for name in sorted(arrays) if name.startswith(f"{prefix}/")]


def _restore(variables, values, what):
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise ValueError(
            f"The checkpoint holds {len(values)} {what} arrays of other shapes than "
            f"the {len(shapes)} of this run. Train into another folder, or start anew."
        )
    for variable, value in zip(variables, values, strict=True):
        if value.dtype.kind == "V":  # NumPy's files do not know bfloat16 by name.
            value = value.view(_array(variable).dtype)
        variable.assign(value)
