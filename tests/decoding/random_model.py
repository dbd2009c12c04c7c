"""A small random language model, for Keras and once more for NumPy, and searches."""

import itertools

import numpy as np
from keras import ops

START, END, PAD = 1, 2, 0


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


class RandomModel:
    """h' = tanh(A h + E y), logits = W h'; alignments = softmax(h' C)."""

    def __init__(self, seed=0, vocabulary=4, places=3, units=6):
        rng = np.random.default_rng(seed)
        draw = lambda *shape: rng.standard_normal(shape).astype("float32")  # noqa: E731
        self.V, self.units, self.places = vocabulary, units, places
        self.A, self.E = draw(units, units), draw(vocabulary, units)
        self.W, self.C = 2 * draw(units, vocabulary), draw(units, places)
        self.steps = 0

    def initial_state(self, batch, seed=1):
        rng = np.random.default_rng(seed)
        h = rng.standard_normal((batch, self.units)).astype("float32")
        # Of some structure: a scalar and a hole beside it.
        return {"h": h, "more": (None, np.int32(0))}

    def step(self, token_ids, state):
        self.steps += 1
        e = ops.take(ops.convert_to_tensor(self.E), token_ids, axis=0)
        h = ops.tanh(ops.matmul(state["h"], self.A) + e)
        hole, count = state["more"]
        state = {"h": h, "more": (hole, count + 1)}
        return ops.matmul(h, self.W), state, ops.softmax(ops.matmul(h, self.C))

    def follow(self, h, tokens):
        """Log-probability of `tokens` from h, alignments (len, S), next log p's."""
        log_p, maps, last = 0.0, [], START
        for token in [*tokens, None]:
            h = np.tanh(h @ self.A + self.E[last])
            next_log_p = log_softmax(h @ self.W)
            if token is None:
                break
            log_p += next_log_p[token]
            maps.append(np.exp(log_softmax(h @ self.C)))
            last = token
        return log_p, np.array(maps).reshape(-1, self.places), next_log_p


def score(log_p, maps, length, alpha, beta, mask):
    result = log_p / ((5 + length) / 6) ** alpha
    if beta:
        covered = np.minimum(maps.sum(0), 1.0)
        result += beta * (np.log(covered) * mask).sum()
    return result


def exhaustive_search(model, h, max_length, alpha=0.0, beta=0.0, mask=1.0):
    """All sequences that end, best first: (score, tokens)."""
    others = [y for y in range(model.V) if y != END]
    found = []
    for length in range(1, max_length + 1):
        for body in itertools.product(others, repeat=length - 1):
            tokens = [*body, END]
            log_p, maps, _ = model.follow(h, tokens)
            found.append((score(log_p, maps, length, alpha, beta, mask), tokens))
    return sorted(found, key=lambda f: -f[0])


def naive_beam_search(model, h, max_length, K, alpha=0.0, beta=0.0, mask=1.0, n_best=1):
    """Beam search with lists, without stopping early: (score, tokens)."""
    live, ended = [(0.0, [])], []
    for length in range(1, max_length + 1):
        candidates = []
        for log_p, tokens in live:
            next_log_p = model.follow(h, tokens)[2]
            candidates += [
                (log_p + next_log_p[y], [*tokens, y]) for y in range(model.V)
            ]
        candidates.sort(key=lambda c: -c[0])
        for log_p, tokens in candidates[:K]:
            if tokens[-1] == END:
                maps = model.follow(h, tokens)[1]
                ended.append((score(log_p, maps, length, alpha, beta, mask), tokens))
        live = [c for c in candidates if c[1][-1] != END][:K]
        ended = sorted(ended, key=lambda f: -f[0])[:K]
        log_p, tokens = live[0]
        maps = model.follow(h, tokens)[1]
        now = score(log_p, maps, length, alpha, beta, mask)
        if len(ended) == K and now <= ended[n_best - 1][0]:
            live = []
            break
    cut = []
    for log_p, tokens in live:
        maps = model.follow(h, tokens)[1]
        cut.append((score(log_p, maps, max_length, alpha, beta, mask), tokens))
    return ended[:K] + sorted(cut, key=lambda f: -f[0])
