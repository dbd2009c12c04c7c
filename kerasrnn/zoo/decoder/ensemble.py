"""Several models of one kind that learn side by side and speak with one voice."""

from keras import ops


def another(model, number, **changes):
    """A member of an ensemble beside a `DecoderTask`, with weights of its own.

    Args:
        model: The first member, of which it is a part.
        number: Its place in the ensemble, from 1.
        **changes: Arguments that it has in another way than the first.
    """
    changes |= {"members": 1, "preprocessor": None, "scheduled_sampling": None}
    config = {**model.get_config(), **changes, "name": f"member_{number}"}
    member = type(model).from_config(config)
    # It learns as a part of the first.
    member.compiled, member.optimizer = False, None
    return member


def log_of_mean(logits):
    """The logarithm of the mean of the distributions that logits (..., V) stand for."""
    of_each = [ops.log_softmax(ops.cast(one, "float32")) for one in logits]
    return ops.logsumexp(ops.stack(of_each), axis=0) - ops.log(float(len(of_each)))
