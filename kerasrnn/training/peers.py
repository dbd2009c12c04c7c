"""What simple methods score beside a network: whether it is worth its training."""

from collections.abc import Callable

from kerasrnn.catalogue import metric_label, metric_text
from kerasrnn.training.resumable_fit import lower_is_better
from kerasrnn.training.task_kind import TaskKind


def judge_peers(task: TaskKind) -> dict[str, float]:
    """Scores of the simple peers of a task, by name.

    Whatever fails in it is told: a network that is trained already must not be lost.
    """
    try:
        return {name: float(score) for name, score in task.judge_peers().items()}
    except Exception as error:
        reason = " ".join(str(error).split()) or "no message"
        task.log(f"Without a simple peer: {type(error).__name__}: {reason}")
        return {}


def best_peer(peers: dict[str, float], metric: str) -> str:
    """The name of the best of one or more peers.

    Example:

    >>> best_peer({"n-grams": 2.25, "xz": 3.5}, "test_bits_per_character")
    'n-grams'
    """
    choose = min if lower_is_better(metric) else max
    return choose(peers, key=lambda name: peers[name])


def network_scores(
    metrics: dict[str, float], metric: str
) -> tuple[float, float | None]:
    """A network's score, and its score where it adapts to the test text, or None.

    Example:

    >>> network_scores({"test_bleu": 18.1}, "test_bleu")
    (18.1, None)
    """
    return metrics[metric], metrics.get(f"{metric}_adapted")


def peers_line(
    peers: dict[str, float], metric: str, score: float, adapted: float | None = None
) -> str:
    """One line that says whether a network is better than its simple peers.

    Args:
        peers: What `judge_peers` gave, one or more.
        metric: The name of the scores.
        score: That of the network.
        adapted: The same while it learns or remembers the test text as it reads it, or
            None. Then this one counts: compressors do so too.

    Example:

    >>> peers_line({"nearest pair": 10.04}, "test_bleu", 18.1)
    'nearest pair: BLEU 10.0; the network: 18.1; the network is worth it'
    >>> bits = {"n-grams": 2.25, "xz": 3.5}
    >>> peers_line(bits, "test_bits_per_character", 2.25).partition("; ")[2]
    'xz: 3.500; the network: 2.250; the network is not worth it'
    >>> line = peers_line({"xz": 2.5}, "test_bits_per_character", 2.75, adapted=2.25)
    >>> line.partition("; ")[2]
    'the network: 2.750; adapted: 2.250; the network is worth it'
    """
    best = peers[best_peer(peers, metric)]
    scores = [*peers.items(), ("the network", score)]
    if adapted is not None:
        scores.append(("adapted", adapted))
    _, last = scores[-1]
    better = last < best if lower_is_better(metric) else last > best
    texts = [
        f"{name}: {metric_text({metric: value}, metric)}" for name, value in scores
    ]
    label = metric_label(metric).removeprefix("test ")
    texts[0] = texts[0].replace(": ", f": {label} ", 1)
    return f"{'; '.join(texts)}; the network is {'' if better else 'not '}worth it"


def tell_peers(
    peers: dict[str, float],
    metric: str,
    score: float,
    log: Callable[[str], object],
    adapted: float | None = None,
) -> None:
    """Tell the user the line, where there are peers."""
    if peers:
        log(f"\n{peers_line(peers, metric, score, adapted)}")
