"""How good do Joey NMT's translators become in the time that ours takes?

    python -m venv joey
    joey/bin/pip install torch joeynmt==2.3.0 importlib_metadata sentencepiece==0.2.0
    python benchmarks/translation_learned_peers.py --joey-python joey/bin/python

(Joey NMT imports importlib_metadata without asking for it, and calls what later
versions of sentencepiece have not.) They learn by Joey NMT's own programme from the
training pairs of a recipe: a recurrent translator of our sizes, with Bahdanau's
attention and input feeding, and a small Transformer, its configuration for IWSLT with
three layers in place of six and a tied softmax; both with dropout 0.3, label smoothing
0.1, and as many pieces of sentencepiece as the recipe has. BLEU of 500 validation
pairs, every `--every` steps, says which weights are kept. After `--minutes`, validation
included, each is stopped; the kept weights translate the test split with five beams.
Without `--minutes` they have what a run of the recipe took, by its `results.json`,
where the row of our translator is read.

All have `--threads` threads; give ours as many.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import tempfile

import yaml
from timing import Report, number

from kerasrnn.catalogue import load_recipe
from kerasrnn.metrics import translation_scores
from kerasrnn.training.translation.translation import load_pair_splits

VALIDATION = 500

PIECES = """
import sys, sentencepiece
for side in sys.argv[2:]:
    sentencepiece.SentencePieceTrainer.train(
        input=f"train.{side}", model_prefix=side, vocab_size=int(sys.argv[1]),
        model_type="bpe", character_coverage=1.0, unk_id=0, pad_id=1, bos_id=2,
        eos_id=3, minloglevel=2)
    names = [line.split("\\t")[0] for line in open(f"{side}.vocab", encoding="utf-8")]
    with open(f"{side}.pieces", "w", encoding="utf-8") as file:
        file.write("\\n".join(["<unk>", "<pad>", "<s>", "</s>", *names[4:]]) + "\\n")
"""


def rnn(model):
    """Joey NMT's recurrent translator, in the sizes of a recipe's `model`.

    Returns:
        Its configuration, and the steps in which its rate rises.
    """
    part = {
        "type": "recurrent",
        "rnn_type": "gru",
        "hidden_size": model["units"],
        "num_layers": 1,
        "dropout": 0.3,
        "embeddings": {"embedding_dim": model["embedding_dim"], "dropout": 0.3},
    }
    decoder = {
        "attention": "bahdanau",
        "hidden_dropout": 0.3,
        "init_hidden": "bridge",
        "input_feeding": True,
    }
    model = {"encoder": {**part, "bidirectional": True}, "decoder": {**part, **decoder}}
    return model, 300


def transformer(_):
    """Joey NMT's Transformer, as `rnn` tells of the other."""
    part = {
        "type": "transformer",
        "num_layers": 3,
        "num_heads": 4,
        "hidden_size": 256,
        "ff_size": 1024,
        "dropout": 0.3,
        "embeddings": {"embedding_dim": 256, "scale": True, "dropout": 0.0},
    }
    return {"encoder": part, "decoder": part}, 1000


PEERS = {"Joey NMT, recurrent": rnn, "Joey NMT, Transformer": transformer}


def write_pairs(folder, splits):
    """Text files of all splits, a line for each source or target."""
    for name, part in splits.items():
        for side, texts in (("source", part.sources), ("target", part.targets)):
            lines = "".join(f"{text}\n" for text in texts)
            (folder / f"{name}.{side}").write_text(lines, encoding="utf-8")


def configuration(folder, name, of_model, recipe, options):
    """What Joey NMT reads: data, model, training and search of a peer."""
    model, warmup = of_model(recipe["model"])
    decoder = model["decoder"]
    sides = {
        key: {
            "lang": side,
            "level": "bpe",
            "max_length": recipe["preprocessor"]["max_length"],
            "voc_file": str(folder / f"{side}.pieces"),
            "tokenizer_type": "sentencepiece",
            "tokenizer_cfg": {"model_file": str(folder / f"{side}.model")},
        }
        for key, side in (("src", "source"), ("trg", "target"))
    }
    search = {
        "beam_size": 5,
        "beam_alpha": 1.0,
        "batch_size": 2000,
        "batch_type": "token",
        "max_output_length": recipe["evaluation"]["max_length"],
        "eval_metrics": ["bleu"],
    }
    return {
        "name": name,
        "joeynmt_version": "2.3.0",
        "model_dir": str(folder / name),
        "use_cuda": False,
        "random_seed": 1,
        "data": {
            "train": str(folder / "train"),
            "dev": str(folder / "validation"),
            "test": str(folder / "test"),
            "dataset_type": "plain",
            "random_dev_subset": VALIDATION,
            **sides,
        },
        "testing": search,
        "training": {
            "optimizer": "adam",
            "adam_betas": [0.9, 0.98],
            "normalization": "tokens",
            "loss": "crossentropy",
            "label_smoothing": 0.1,
            "clip_grad_norm": 1.0,
            "batch_size": recipe["training"]["max_tokens"],
            "batch_type": "token",
            "epochs": 1000,
            "validation_freq": options.every,
            "logging_freq": max(1, options.every // 5),
            "early_stopping_metric": "bleu",
            "keep_best_ckpts": 1,
            "overwrite": True,
            "learning_rate": 1e-3,
            "learning_rate_min": 1e-8,
            # Its other schedule asks for what later versions of torch have not.
            "scheduling": "warmupinversesquareroot",
            "learning_rate_warmup": warmup,
        },
        "model": {
            "initializer": "xavier_uniform",
            "embed_initializer": "xavier_uniform",
            "bias_initializer": "zeros",
            # Joey NMT ties none that differs in size from the decoder.
            "tied_softmax": decoder["embeddings"]["embedding_dim"]
            == decoder["hidden_size"],
            **model,
        },
    }


def learned(folder, name, config, minutes, options):
    """What a peer writes after so many minutes; its parameters, and its steps."""
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [options.joey_python, "-m", "joeynmt"]
    log = pathlib.Path(config["model_dir"], "train.log")
    process = subprocess.Popen(
        [*command, "train", str(path), "--skip-test"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(60 * minutes)
        raise RuntimeError(f"{name} ended before its time: see {log}")
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(
        [*command, "test", str(path), "--output-path", str(folder / name / "found")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    lines = log.read_text(encoding="utf-8").splitlines()
    parameters = next(line for line in lines if "Total params" in line).split()[-1]
    steps = [line for line in lines if "Step:" in line][-1]
    steps = steps.split("Step:")[1].split(",")[0]
    found = (folder / name / "found.test").read_text(encoding="utf-8").split("\n")
    return found[:-1], int(parameters.replace(",", "")), int(steps.replace(",", ""))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--joey-python", required=True)
    options.add_argument("--recipe", default="translate-en-es")
    options.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    options.add_argument("--minutes", type=float)
    options.add_argument("--every", type=int, default=500, metavar="STEPS")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--folder", help="keep what they learn there")
    options.add_argument("--write", metavar="README", help="put the table there too")
    options = options.parse_args()
    recipe = load_recipe(options.recipe)
    minutes = options.minutes
    if minutes is None:
        minutes = recipe.results["runs"][0]["wall_time_s"] / 60
    tokenize = recipe.config["evaluation"].get("tokenize", "13a")
    splits = load_pair_splits(recipe.config["data"])
    references = list(splits["test"].targets)
    # A table for each recipe.
    report = Report(f"learned_peers_of_{options.recipe}", options.write)
    report.machine()
    rows, signature = [], None
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(options.folder or scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        write_pairs(folder, splits)
        pieces = str(recipe.config["preprocessor"]["max_tokens"])
        subprocess.run(
            [options.joey_python, "-c", PIECES, pieces, "source", "target"],
            cwd=folder,
            check=True,
        )
        for number_of, name in enumerate(options.peers):
            short = f"peer-{number_of}"
            config = configuration(folder, short, PEERS[name], recipe.config, options)
            found, parameters, steps = learned(folder, short, config, minutes, options)
            scores = translation_scores(found, references, tokenize=tokenize)
            signature = scores["bleu_signature"]
            rows.append([name, f"{minutes:.0f}", f"{parameters:,}", f"{steps:,}"])
            rows[-1] += [number(scores["bleu"]), number(scores["chrf"])]
    if recipe.results:
        metrics, run = recipe.results["metrics"], recipe.results["runs"][0]
        rows.append([f"`{options.recipe}`", f"{run['wall_time_s'] / 60:.0f}"])
        rows[-1] += [f"{recipe.results['parameters']:,}", "–"]
        rows[-1] += [number(metrics["test_bleu"]), number(metrics["test_chrf"])]
    report.line(
        f"`{recipe.config['data']['name']}`, {len(splits['train'])} pairs to learn "
        f"from, {len(references)} to test; {options.threads} threads. BLEU: "
        f"`{signature}`."
    )
    report.line()
    report.head(["translator", "minutes", "parameters", "steps", "BLEU", "chrF"])
    for row in rows:
        report.row(row)
    report.close()


if __name__ == "__main__":
    main()
