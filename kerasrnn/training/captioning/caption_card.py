"""What the card of a captioner says beside what all cards say."""

from kerasrnn.catalogue import metric_text
from kerasrnn.training.task_kind import paragraph, table

# The scores of captions, by name; and what they are of, where not of what is asked for.
CAPTION_SCORES = {
    "cider_d": "CIDEr-D",
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "bleu_4": "BLEU-4",
    "exact_match": "exact match",
}
CAPTION_SIDES = {
    "": "",
    "_greedy": ", greedy search",
    "_nearest_neighbour": ", caption of the nearest training picture",
    "_shuffled_images": ", captions of other pictures",
}
SAMPLES, NOTHING = 8, "(nothing)"


def captioned(data):
    """How many captions there are, and of which pictures scores are."""
    if "captions" not in data:
        return None
    captions = ", ".join(f"{n:,} for {part}" for part, n in data["captions"].items())
    scored = ", ".join(f"{n:,} {group}" for group, n in data["scored"]["test"].items())
    return f"Captions: {captions}. Pictures that are scored in the test: {scored}."


def caption_table(results):
    """The scores of captions, in a column for each group of pictures."""
    metrics = results["metrics"]
    groups = list(results["data"]["scored"]["test"])
    columns = {"value": ""}
    if len(groups) > 1:
        columns = {"mean": "", **{group: f"_{group}" for group in groups}}
    rows = []
    for side, title in CAPTION_SIDES.items():
        for name, label in CAPTION_SCORES.items():
            keys = [f"test_{name}{side}{column}" for column in columns.values()]
            if keys[0] in metrics:
                # The layout is that of the score, whatever it is of.
                rows.append((label + title, *(_score(metrics, n, name) for n in keys)))
    peers = [
        (metrics[f"test_cider_d{c}"], metrics[f"test_cider_d_nearest_neighbour{c}"])
        for c in columns.values()
    ]
    ratios = [f"{own / peer:.2f}" if peer else "" for own, peer in peers]
    rows.append(("CIDEr-D, times that of the nearest training picture", *ratios))
    return table(("test score", *columns), rows)


def _score(metrics, key, name):
    values = {
        f"test_{name}{end}": metrics[key + end]
        for end in ("", "_std")
        if key + end in metrics
    }
    return metric_text(values, f"test_{name}")


def of_captions(results, run):
    """How the scores were counted, and what the controls are."""
    alike = ""
    if len(results["data"]["scored"]["test"]) > 1:
        alike = "In the mean every group counts alike. "
    return (
        f"CIDEr-D goes from 0 to 10 and BLEU from 0 to 100: `{run['signature']}`. "
        f"{alike}The nearest training picture is that with the most similar features "
        "of the same encoder, and its caption needs no training. Captions of other "
        "pictures are the model's own, dealt out anew: what is right of them comes "
        "from what it knows of captions alone. Accuracy, loss and perplexity are those "
        "of single tokens, told the right ones before them."
    )


def caption_samples(run):
    """What people and what the model say of a few test pictures, chosen by number."""
    shown = run["captions"]
    count = min(SAMPLES, len(shown))
    rows = [
        (
            sample["key"],
            " / ".join(sample["references"]),
            sample["hypothesis"] or NOTHING,
        )
        for sample in (shown[n * len(shown) // count] for n in range(count))
    ]
    rows = [[paragraph(cell).replace("|", "\\|") for cell in row] for row in rows]
    return table(("test picture", "people", "model"), rows)
