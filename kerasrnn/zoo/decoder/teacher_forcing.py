"""What a decoder is trained on."""


def teacher_forcing(source_ids, *targets_and_weights):
    """What the decoder is fed, and what it should say next, of targets (B, T)."""
    if not targets_and_weights:
        return source_ids
    target_ids, *weights = targets_and_weights
    return ((source_ids, target_ids[:, :-1]), target_ids[:, 1:], *weights)
