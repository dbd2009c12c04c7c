"""Joey NMT's translator in a process of its own, which works when it is told to.

Started by `translation.py`, under a Python that has Joey NMT:

    python -m venv joey
    joey/bin/pip install torch joeynmt==2.3.0 importlib_metadata

(Joey NMT imports importlib_metadata and does not ask for it.) Model, batches, loss,
optimizer, clipping and search are Joey NMT's own; the weights are those of the other
sides, so that all compute the same.
"""

import logging
import os
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import torch
from joeynmt.batch import Batch
from joeynmt.builders import build_gradient_clipper, build_optimizer
from joeynmt.model import build_model
from joeynmt.search import search
from joeynmt.vocabulary import Vocabulary
from worker import serve

# kerasrnn's numbers of padding and of what is unknown are Joey NMT's the other way
# round; start and end are the same.
UNKNOWN, PADDING, START, END = range(4)


def swapped(ids):
    """Token ids of one library in the numbers of the other."""
    ids = np.asarray(ids)
    return np.where(ids < 2, 1 - ids, ids)


def vocabulary(size):
    names = ["<unk>", "<pad>", "<s>", "</s>"]
    keys = ["unk", "pad", "bos", "eos"]
    special = {f"{key}_token": name for key, name in zip(keys, names, strict=True)}
    ids = {f"{key}_id": number for number, key in enumerate(keys)}
    tokens = [str(number) for number in range(len(names), size)]
    cfg = SimpleNamespace(**special, **ids, sep_token=None, sep_id=None, lang_tags=[])
    return Vocabulary(tokens, cfg)


def build(weights, input_feeding, dropout):
    """The model of `Seq2SeqAttention`: sizes and values follow from the weights."""
    units, embedding_dim = weights["bridge"][0].shape[1], weights["source"].shape[1]
    part = {
        "type": "recurrent",
        "rnn_type": "gru",
        "hidden_size": units,
        "num_layers": 1,
        "dropout": dropout,
        "embeddings": {"embedding_dim": embedding_dim, "dropout": dropout},
    }
    decoder = {
        "attention": "bahdanau",
        "hidden_dropout": dropout,
        "init_hidden": "bridge",
        "input_feeding": input_feeding,
    }
    cfg = {
        "encoder": {**part, "bidirectional": True},
        "decoder": {**part, **decoder},
        "tied_softmax": True,
    }
    vocabularies = [vocabulary(len(weights[side])) for side in ("source", "target")]
    model = build_model(cfg, *vocabularies)
    model.loss_function = ("crossentropy", 0.0)
    with torch.no_grad():
        copy(weights, model, units)
    return model


def copy(weights, model, units):
    def put(parameter, array):
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))

    def put_gru(rnn, arrays, suffix=""):
        # PyTorch's GRU has its reset gate first, Keras's its update gate.
        order = np.concatenate([np.arange(units) + units * k for k in (1, 0, 2)])
        kernel, recurrent_kernel, bias = arrays
        for name, array in (
            ("weight_ih", kernel.T),
            ("weight_hh", recurrent_kernel.T),
            ("bias_ih", bias[0]),
            ("bias_hh", bias[1]),
        ):
            put(getattr(rnn, f"{name}_l0{suffix}"), array[order])

    decoder, attention = model.decoder, model.decoder.attention
    for embedding, side in ((model.src_embed, "source"), (model.trg_embed, "target")):
        put(embedding.lut.weight, weights[side][swapped(np.arange(len(weights[side])))])
        embedding.lut.weight[PADDING] = 0.0
    put_gru(model.encoder.rnn, weights["forward"])
    put_gru(model.encoder.rnn, weights["backward"], "_reverse")
    put_gru(decoder.rnn, weights["decoder"])
    put(decoder.bridge_layer.weight, weights["bridge"][0].T)
    put(decoder.bridge_layer.bias, weights["bridge"][1])
    put(attention.query_layer.weight, weights["query_kernel"].T)
    put(attention.key_layer.weight, weights["memory_kernel"].T)
    put(attention.energy_layer.weight, weights["score_kernel"].T)
    # Context before query here, query before context there.
    memory_size = weights["memory_kernel"].shape[0]
    context, query = np.split(weights["attention_kernel"], [memory_size])
    put(decoder.att_vector_layer.weight, np.concatenate([query, context]).T)
    decoder.att_vector_layer.bias.zero_()
    # Joey NMT's softmax has no bias; the others' has.
    bias = weights["output_bias"]
    decoder.output_layer.bias = torch.nn.Parameter(
        torch.from_numpy(bias[swapped(np.arange(len(bias)))])
    )


def make_batch(source_ids, target_ids=None):
    """As Joey NMT's loader makes it, sorted as its trainer and its search want it."""
    source_ids = torch.from_numpy(source_ids).long()
    batch = Batch(
        src=source_ids,
        src_length=(source_ids != PADDING).sum(1),
        src_prompt_mask=None,
        trg=None if target_ids is None else torch.from_numpy(target_ids).long(),
        trg_prompt_mask=None,
        indices=torch.arange(len(source_ids)),
        device=torch.device("cpu"),
        pad_index=PADDING,
        eos_index=END,
        is_train=target_ids is not None,
    )
    return batch, batch.sort_by_src_length()


def prepare(what, weights, batches, input_feeding=True, dropout=0.0, **options):
    """A function that goes over all batches once, and how its results look outside."""
    model = build(weights, input_feeding, dropout)
    batches = [[swapped(ids) for ids in batch] for batch in batches]
    optimizer = build_optimizer(
        {"optimizer": "adam", "learning_rate": 1e-3}, model.parameters()
    )
    clip = build_gradient_clipper({"clip_grad_norm": 1.0, "clip_grad_val": None})

    def loss_of(batch):
        total, *_ = model(return_type="loss", **vars(batch))
        return batch.normalize(total, "tokens")

    def loss():
        model.eval()
        with torch.no_grad():
            return [loss_of(make_batch(*batch)[0]).item() for batch in batches]

    def train():
        model.train()
        for ids in batches:
            value = loss_of(make_batch(*ids)[0])
            value.backward()
            clip(parameters=model.parameters())
            optimizer.step()
            optimizer.zero_grad()
            value.item()

    def beam():
        model.eval()
        found = []
        for (source_ids,) in batches:
            batch, order = make_batch(source_ids)
            found.append(search(model, batch, **options)[0][order])
        return found

    def readable(results):
        return [swapped(ids) for ids in results] if what == "beam" else results

    return {"loss": loss, "train": train, "beam": beam}[what], readable


def start():
    logging.disable(logging.INFO)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return prepare, f"joeynmt {version('joeynmt')}, torch {version('torch')}"


if __name__ == "__main__":
    serve(start)
