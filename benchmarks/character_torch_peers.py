"""How good do an LSTM with weight drop and a small GPT in torch become in a time?

    python benchmarks/character_torch_peers.py --peer awd-lstm --minutes 60
        --data shakespeare_plays --output awd.json
    python benchmarks/character_torch_peers.py --peer gpt --minutes 60
        --data shakespeare_plays --output gpt.json

The results are rows of `character_peers.py --learned awd.json gpt.json`.

awd-lstm: after Merity et al. 2018, "An Analysis of Neural Language Modeling at Multiple
Scales": an embedding, LSTM layers with weights dropped from the recurrent matrices, the
same units dropped at all steps, Adam; chunks with carried state, which is carried
through each document as it is judged.

gpt: after nanoGPT: learned places, layers of causal attention and of a perceptron with
layer normalisation before each, AdamW; windows at random places of the text. It is
judged in windows that overlap by half: each character but the first ones of a document
is seen after half a window at least.

Both: gradients of a norm of 1, a learning rate that goes down to zero over the time as
a cosine, products in bfloat16 (`--no-bfloat16`: in float32), two threads. The weights
that are best on the beginning of the validation text, judged ten times on the way, are
kept; neither that judging nor the test counts as time.
"""

import argparse
import copy
import json
import math
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from kerasrnn.text import CharacterStreams, CharacterText, CharacterTokenizer

JUDGED = 200_000  # characters of the validation text, on the way
LOOKS = 10
WARM_UP = 0.02  # of the time


class WeightDropLSTM(nn.Module):
    """An LSTM with dropout on recurrent weights, and the same units at all steps."""

    def __init__(self, size, units=512, layers=2, width=128, weight_drop=0.2, drop=0.2):
        super().__init__()
        self.weight_drop, self.drop = weight_drop, drop
        self.embedding = nn.Embedding(size, width)
        widths = [width, *[units] * layers]
        self.layers = nn.ModuleList(
            nn.LSTM(widths[k], units, batch_first=True) for k in range(layers)
        )
        self.dense = nn.Linear(units, size)

    def forward(self, ids, states):
        x, after = self.embedding(ids), []
        for layer, state in zip(self.layers, states, strict=True):
            recurrent = functional.dropout(
                layer.weight_hh_l0, self.weight_drop, self.training
            )
            weights = {"weight_hh_l0": recurrent}
            x, state = torch.func.functional_call(layer, weights, (x, state))
            if self.training:
                kept = torch.rand(len(x), 1, x.shape[-1]) >= self.drop
                x = x * kept / (1 - self.drop)
            after.append(state)
        return self.dense(x), after

    def initial_states(self, rows):
        zeros = torch.zeros(1, rows, self.layers[0].hidden_size)
        return [(zeros, zeros) for _ in self.layers]


class AWDLSTM:
    """How the LSTM learns, and how it is judged."""

    def __init__(self, text, size, *, batch=64, chunk=100, rate=3e-3, **options):
        self.model = WeightDropLSTM(size, **options)
        self.optimizer = torch.optim.Adam(self.model.parameters(), rate)
        self.rate, self.step = rate, 0
        self.streams = CharacterStreams(text, batch, chunk)
        self.states = self.model.initial_states(batch)

    def loss(self):
        """Of the next chunks."""
        step = self.step % len(self.streams)
        (ids, fresh), targets, _ = self.streams.batch(step)
        self.step += 1
        kept = torch.from_numpy(~fresh)[None, :, None]
        states = [tuple(s.detach() * kept for s in pair) for pair in self.states]
        logits, self.states = self.model(torch.from_numpy(ids).long(), states)
        # Padding is 0.
        targets = torch.from_numpy(targets).long()
        return functional.cross_entropy(
            logits.flatten(0, 1).float(), targets.flatten(), ignore_index=0
        )

    def nats(self, text, width=2000):
        """Of all characters of a text together, the state carried all along."""
        total = 0.0
        for ids in documents_of(text):
            before = torch.cat([torch.zeros(1, dtype=torch.long), ids[:-1]])
            states = self.model.initial_states(1)
            for at in range(0, len(ids), width):
                logits, states = self.model(before[None, at : at + width], states)
                total += functional.cross_entropy(
                    logits[0].float(), ids[at : at + width], reduction="sum"
                ).item()
        return total


class Block(nn.Module):
    """Attention to what came before, and a perceptron."""

    def __init__(self, width, heads, drop):
        super().__init__()
        self.heads, self.drop = heads, drop
        self.before = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attend = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(drop)

    def forward(self, x):
        rows, steps, width = x.shape
        parts = self.attend(self.before[0](x)).split(width, dim=-1)
        q, k, v = (
            part.view(rows, steps, self.heads, -1).transpose(1, 2) for part in parts
        )
        drop = self.drop if self.training else 0.0
        seen = functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, dropout_p=drop
        )
        seen = seen.transpose(1, 2).reshape(rows, steps, width)
        x = x + self.dropout(self.project(seen))
        return x + self.dropout(self.perceptron(self.before[1](x)))


class Decoder(nn.Module):
    """A GPT: blocks above embeddings of characters and places."""

    def __init__(self, size, window, layers, width, heads, drop):
        super().__init__()
        self.characters = nn.Embedding(size, width)
        self.places = nn.Embedding(window, width)
        self.dropout = nn.Dropout(drop)
        self.blocks = nn.Sequential(*(Block(width, heads, drop) for _ in range(layers)))
        self.norm, self.dense = nn.LayerNorm(width), nn.Linear(width, size)
        self.apply(self.begin)
        for block in self.blocks:  # As in GPT-2: what is added grows with the depth.
            for last in (block.project, block.perceptron[2]):
                nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * layers))

    @staticmethod
    def begin(layer):
        if isinstance(layer, (nn.Linear, nn.Embedding)):
            nn.init.normal_(layer.weight, std=0.02)
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)

    def forward(self, ids):
        x = self.characters(ids) + self.places.weight[: ids.shape[1]]
        return self.dense(self.norm(self.blocks(self.dropout(x))))


class GPT:
    """How the GPT learns, and how it is judged."""

    def __init__(
        self,
        text,
        size,
        *,
        batch=16,
        window=256,
        rate=1e-3,
        layers=4,
        width=256,
        heads=4,
        drop=0.1,
    ):
        self.model = Decoder(size, window, layers, width, heads, drop)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), rate, betas=(0.9, 0.99), weight_decay=0.1
        )
        self.rate, self.batch, self.window = rate, batch, window
        # A 0 before each document, which windows may reach over.
        parts = [torch.cat([torch.zeros(1).long(), d]) for d in documents_of(text)]
        self.ids = torch.cat(parts)
        self.draw = np.random.default_rng(1)

    def loss(self):
        """Of windows at random places."""
        starts = self.draw.integers(0, len(self.ids) - self.window, self.batch)
        rows = torch.stack([self.ids[at : at + self.window + 1] for at in starts])
        logits = self.model(rows[:, :-1])
        return functional.cross_entropy(
            logits.flatten(0, 1).float(), rows[:, 1:].flatten(), ignore_index=0
        )

    def nats(self, text, rows=16):
        """Of all characters of a text together, in windows that overlap by half."""
        half = self.window // 2
        total, waiting = 0.0, []
        for ids in documents_of(text):
            padded = torch.cat([torch.zeros(1, dtype=torch.long), ids])
            for at in range(0, max(1, len(ids) - half), half):
                part = padded[at : at + self.window + 1]
                # Of all but the first window, what the one before has judged.
                waiting.append((part, half if at else 0))
                if len(waiting) == rows:
                    total += self.nats_of(waiting)
                    waiting = []
        return total + (self.nats_of(waiting) if waiting else 0.0)

    def nats_of(self, parts):
        """Of windows, each with how many of its first characters do not count."""
        longest = max(len(part) for part, _ in parts) - 1
        ids = torch.zeros(len(parts), longest, dtype=torch.long)
        targets = torch.zeros(len(parts), longest, dtype=torch.long)
        for row, (part, skipped) in enumerate(parts):
            ids[row, : len(part) - 1] = part[:-1]
            targets[row, skipped : len(part) - 1] = part[1 + skipped :]
        logits = self.model(ids).flatten(0, 1).float()
        return functional.cross_entropy(
            logits, targets.flatten(), ignore_index=0, reduction="sum"
        ).item()


def documents_of(text):
    """The ids of each document of a `CharacterText`."""
    ids = torch.from_numpy(np.asarray(text.ids).astype("int64"))
    lengths = np.diff(text.ends, prepend=0).tolist()
    return torch.split(ids, lengths)


def bits(peer, text, bfloat16=True):
    """Bits a character of a text."""
    peer.model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        found = peer.nats(text) / len(text) / math.log(2)
    peer.model.train()
    return found


def learn(peer, judged, seconds, bfloat16=True, log=print):
    """Learns for so many seconds, and keeps the best weights; gives the steps.

    Args:
        peer: An `AWDLSTM` or a `GPT`.
        judged: A text that says which weights are best.
        seconds: The time; judging does not count.
        bfloat16: Whether products are of such numbers.
        log: Called with a line for each look.
    """
    best, kept, spent, steps, looks = math.inf, None, 0.0, 0, 0
    peer.model.train()
    while spent < seconds:
        begin = time.perf_counter()
        share = spent / seconds
        rate = peer.rate * min(1.0, (share + 1e-3) / WARM_UP)
        rate *= 0.5 * (1 + math.cos(math.pi * share))
        for group in peer.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = peer.loss()
        peer.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(peer.model.parameters(), 1.0)
        peer.optimizer.step()
        steps += 1
        spent += time.perf_counter() - begin
        if spent >= seconds * (looks + 1) / LOOKS:
            looks += 1
            found = bits(peer, judged, bfloat16)
            log(f"{spent / 60:.1f} minutes, {steps:,} steps: {found:.3f} bits")
            if found < best:
                best, kept = found, copy.deepcopy(peer.model.state_dict())
    peer.model.load_state_dict(kept)
    return steps


PEERS = {"awd-lstm": ("AWD-LSTM in torch", AWDLSTM), "gpt": ("GPT in torch", GPT)}


def main():
    # Here, so that the functions above need no data.
    from kerasrnn.data import load_documents

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--peer", choices=PEERS, required=True)
    options.add_argument("--data", default="shakespeare_plays")
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    options.add_argument("--no-bfloat16", action="store_true")
    options.add_argument("--output", required=True, metavar="FILE")
    arguments = options.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(1)
    documents = {
        name: load_documents(arguments.data, name)
        for name in ("train", "validation", "test")
    }
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(documents["train"])
    texts = {
        name: CharacterText.of_documents(part, tokenizer)
        for name, part in documents.items()
    }
    given = {name: float(v) for name, v in (pair.split("=") for pair in arguments.set)}
    given = {name: int(v) if v == int(v) else v for name, v in given.items()}
    name, make = PEERS[arguments.peer]
    peer = make(texts["train"], tokenizer.vocabulary_size, **given)
    judged = texts["validation"]
    if len(judged) > JUDGED:
        ends = np.append(judged.ends[judged.ends < JUDGED], JUDGED)
        judged = CharacterText(judged.ids[:JUDGED], ends)
    bfloat16 = not arguments.no_bfloat16
    steps = learn(peer, judged, 60 * arguments.minutes, bfloat16)
    found = {
        "name": name,
        "data": arguments.data,
        "minutes": arguments.minutes,
        "steps": steps,
        "parameters": sum(p.numel() for p in peer.model.parameters()),
        "settings": given,
        "validation_bits": bits(peer, judged, bfloat16),
        "test_bits": bits(peer, texts["test"], bfloat16),
    }
    text = json.dumps(found, indent=2) + "\n"
    pathlib.Path(arguments.output).write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
