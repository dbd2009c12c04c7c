import keras
import numpy as np

from kerasrnn.training.batch_order import batch_order

# Validation losses are better when lower, everything else when higher.
LOWER_IS_BETTER = ("val_loss", "loss")


def resumable_fit(
    model,
    train,
    validation,
    *,
    checkpoints,
    epochs: int,
    batch_size: int,
    seed: int,
    patience: int | None = 3,
    monitor: str = "val_accuracy",
    checkpoint_every: int = 200,
    progress=None,
    log=print,
    callbacks=(),
    on_epoch_end=None,
):
    """Train to the same weights, bit for bit, however often the process is killed.

    The order of the data is `batch_order(seed, epoch)`; a checkpoint holds all else
    that the next step depends on: weights, optimizer, state of every random seed, and
    the record of the best epoch so far, whose weights the model ends with.

    Args:
        model: A compiled `kerasrnn.zoo.Task` with a preprocessor.
        train: `kerasrnn.data.Examples`; their targets and weights are learned from.
        validation: The same, to decide when to stop.
        checkpoints: A `Checkpoints`; the run goes on from the newest.
        epochs: How many at most.
        batch_size: Examples in a step.
        seed: Seed of the order of the data.
        patience: Epochs without a better `monitor` before it stops; the weights of the
            best epoch are then kept. None: all epochs, and the weights of the last.
        monitor: `"val_accuracy"` or `"val_loss"`.
        checkpoint_every: Steps between checkpoints; one is also made each epoch.
        progress: A `ProgressLine`, or None.
        log: Called with the lines for the user.
        callbacks: More Keras callbacks.
        on_epoch_end: Called with the epoch's number and its metrics.

    Returns:
        List of the metrics of every epoch.
    """
    model.optimizer.build(model.trainable_variables)
    state = {
        "epoch": 0,
        "step": 0,
        "best": None,
        "best_epoch": None,
        "waited": 0,
        "history": [],
        "sums": {},
        "examples": 0,
    }
    best_weights, torch_states = None, []
    saved = checkpoints.load()
    for skipped in checkpoints.skipped:
        log(f"Skipped a damaged checkpoint, {skipped}.")
    if saved is not None:
        arrays, state = saved
        _restore(_state_variables(model), arrays, "model")
        _restore(model.optimizer.variables, arrays, "optimizer")
        torch_states = _collect(arrays, "torch")
        if state["best"] is not None and patience is not None:
            best_weights = _collect(arrays, "best")
        log(f"Going on from epoch {state['epoch'] + 1}, step {state['step']}.")

    def save(model=model):
        arrays = {
            **_named(_state_variables(model), "model"),
            **_named(model.optimizer.variables, "optimizer"),
            **_named(best_weights or [], "best"),
            **_named(_torch_random_states(), "torch"),
        }
        checkpoints.save(int(model.optimizer.iterations), arrays, state)

    train_ids = _token_ids(model, train.texts)  # (N, T)
    validation_ids = _token_ids(model, validation.texts)
    lengths = np.count_nonzero(train_ids, axis=1)
    batches_an_epoch = -(-len(train.texts) // batch_size)
    saver = _Saver(state, save, checkpoint_every, batches_an_epoch, batch_size)
    everything = np.arange(len(validation))
    validation_set = _dataset(validation_ids, validation, everything, 256)

    def stop(waited):
        return patience is not None and waited >= patience

    while state["epoch"] < epochs and not stop(state["waited"]):
        epoch, first_step = state["epoch"], state["step"]
        order = batch_order(lengths, batch_size=batch_size, seed=seed, epoch=epoch)
        rest = np.concatenate(order[first_step:] or [np.array([], int)])
        if progress is not None:
            progress.start(epoch, batches_an_epoch, first_step)
        if len(rest):
            saver.start(first_step, len(train.texts), torch_states)
            torch_states = []
            model.fit(
                _dataset(train_ids, train, rest, batch_size),
                verbose=0,
                callbacks=[saver, *([progress] if progress else []), *callbacks],
            )
        metrics = {k: v / state["examples"] for k, v in state["sums"].items()}
        scores = model.evaluate(validation_set, verbose=0, return_dict=True)
        metrics |= {f"val_{name}": float(value) for name, value in scores.items()}
        if monitor not in metrics:
            raise ValueError(
                f"`monitor` must be one of {', '.join(metrics)}; got {monitor!r}."
            )
        better = state["best"] is None or (
            metrics[monitor] < state["best"]
            if monitor in LOWER_IS_BETTER
            else metrics[monitor] > state["best"]
        )
        if better:
            state |= {"best": metrics[monitor], "best_epoch": epoch, "waited": 0}
            if patience is not None:
                best_weights = [_array(v) for v in _state_variables(model)]
        else:
            state["waited"] += 1
        state["history"].append(metrics)
        state |= {"epoch": epoch + 1, "step": 0, "sums": {}, "examples": 0}
        save()
        if progress is not None:
            progress.finish(metrics, "  best" if better else "")
        if on_epoch_end is not None:
            on_epoch_end(epoch, metrics)
    if patience is not None:
        for variable, value in zip(_state_variables(model), best_weights, strict=True):
            variable.assign(value)
    return state["history"]


class _Saver(keras.callbacks.Callback):
    """Keeps the running means of the epoch, and saves every so many steps."""

    def __init__(self, state, save, every, batches, batch_size):
        super().__init__()
        self.state, self.save, self.every = state, save, every
        self.batches, self.batch_size = batches, batch_size

    def start(self, first_step, examples, torch_states):
        # Beginning an epoch draws from PyTorch's generator: in the middle of one, its
        # state is put back after that, and between two, before.
        self.torch_states = torch_states if first_step else []
        _restore_torch_random_states(torch_states)
        self.first_step, self.examples = first_step, examples
        self.sums, self.seen = dict(self.state["sums"]), self.state["examples"]

    def on_train_batch_begin(self, batch, logs=None):
        _restore_torch_random_states(self.torch_states)
        self.torch_states = []

    def on_train_batch_end(self, batch, logs=None):
        step = self.first_step + batch + 1
        total = min(step * self.batch_size, self.examples)
        # Keras gives means since `fit` began; an epoch may have begun before that.
        self.state["examples"] = total
        self.state["sums"] = {
            name: self.sums.get(name, 0.0) + float(mean) * (total - self.seen)
            for name, mean in logs.items()
        }
        self.state["step"] = step
        if step % self.every == 0 and step < self.batches:
            # Reading `self.model` brings the variables up to date on JAX.
            self.save(self.model)


def _token_ids(model, texts):
    """All texts as token ids, once: cutting them again in every epoch takes longer."""
    parts = [
        np.asarray(model.preprocess(list(texts[start : start + 1024])))
        for start in range(0, len(texts), 1024)
    ]
    width = max(part.shape[1] for part in parts)
    return np.concatenate(
        [np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in parts]
    )


def _dataset(ids, examples, order, batch_size):
    import tensorflow as tf

    def trim(ids, targets, weights):
        steps = tf.reduce_max(tf.math.count_nonzero(ids, axis=1))
        return ids[:, : tf.maximum(steps, 1)], targets, weights

    columns = (ids[order], examples.targets[order], examples.weights[order])
    dataset = tf.data.Dataset.from_tensor_slices(columns)
    # Nothing here is to be tuned, and the end of an epoch would wait, for seconds,
    # for the tuner to wake.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.batch(batch_size).map(trim).prefetch(2).with_options(options)


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
    return {f"{prefix}/{i:04d}": array for i, array in enumerate(arrays)}


def _collect(arrays, prefix):
    return [arrays[name] for name in sorted(arrays) if name.startswith(f"{prefix}/")]


def _restore(variables, arrays, prefix):
    values = _collect(arrays, prefix)
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise ValueError(
            f"The checkpoint holds {len(values)} {prefix} arrays of other shapes than "
            f"the {len(shapes)} of this run. Train into another folder, or start anew."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
