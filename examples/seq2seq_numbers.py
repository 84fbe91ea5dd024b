"""Train a Transformer that reads a number in words and writes its digits: "three hundred and forty two" -> "342".

    python examples/seq2seq_numbers.py          # 500 steps, about a minute on two cores
    python examples/seq2seq_numbers.py --steps 300 --trace

An encoder reads the words, a decoder writes the digits one after the other. Prints the share of unseen numbers
that it gets right in every digit; writes a loss curve (seq2seq_numbers.png) and what it wrote for some of them
(seq2seq_numbers.txt) into --out. Nothing here is special to rustorch: with ``import torch`` instead, the program runs
on PyTorch.
"""

from __future__ import annotations

import random

from char_gpt import options, save, train

import rustorch as torch
import rustorch.nn as nn
import rustorch.nn.functional as F

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
WORDS = ["<pad>", *ONES, *TENS, "hundred", "and", "thousand"]
PAD, START, END = 10, 11, 12  # beside the ten digits
LONGEST, DIGITS = 11, 6  # "nine hundred and ninety nine thousand nine hundred and ninety nine"


def in_words(n: int) -> list[str]:
    """English words for 0 <= n < 1,000,000."""
    if n < 20:
        return [ONES[n]]
    if n < 100:
        return [TENS[n // 10 - 2], *([ONES[n % 10]] if n % 10 else [])]
    if n < 1000:
        return [ONES[n // 100], "hundred", *(["and", *in_words(n % 100)] if n % 100 else [])]
    rest = n % 1000
    return [*in_words(n // 1000), "thousand", *(["and"] if 0 < rest < 100 else []), *(in_words(rest) if rest else [])]


def encode(numbers):
    """Words (numbers, LONGEST), and start, digits, end (numbers, DIGITS + 2), both filled up at the end."""
    index = {word: i for i, word in enumerate(WORDS)}
    words = [[index[w] for w in in_words(n)] for n in numbers]
    digits = [[START, *map(int, str(n)), END] for n in numbers]
    return (
        torch.tensor([w + [0] * (LONGEST - len(w)) for w in words]),
        torch.tensor([d + [PAD] * (DIGITS + 2 - len(d)) for d in digits]),
    )


def load_data(count: int, held_out: int, seed: int):
    """Different numbers of one to six digits, long ones more often: those to train on, and those to hold out."""
    dice, numbers = random.Random(seed), set()
    while len(numbers) < count + held_out:
        numbers.add(dice.randrange(10 ** dice.randint(1, DIGITS)))
    numbers = dice.sample(sorted(numbers), len(numbers))
    return numbers[:count], numbers[count:]


class Reader(nn.Module):
    """Embeddings of words and digits with their places, ``nn.Transformer``, and scores of the next digit."""

    def __init__(self, width: int = 64, heads: int = 4, layers: int = 2, dropout: float = 0.05):
        super().__init__()
        self.word, self.word_place = nn.Embedding(len(WORDS), width), nn.Embedding(LONGEST, width)
        self.digit, self.digit_place = nn.Embedding(13, width), nn.Embedding(DIGITS + 1, width)
        self.transformer = nn.Transformer(
            width, heads, layers, layers, 4 * width, dropout, batch_first=True, norm_first=True
        )
        self.head = nn.Linear(width, 13)
        self.register_buffer("causal", nn.Transformer.generate_square_subsequent_mask(DIGITS + 1))

    def forward(self, words, digits):
        source = self.word(words) + self.word_place.weight
        target = self.digit(digits) + self.digit_place.weight
        unused = words == 0
        out = self.transformer(
            source, target, tgt_mask=self.causal, src_key_padding_mask=unused, memory_key_padding_mask=unused
        )
        return self.head(out)


@torch.no_grad()
def read(model: Reader, words):
    """Digits for (n, LONGEST) words, each the likeliest after those before it: (n, DIGITS + 1)."""
    model.eval()
    digits = torch.full((len(words), DIGITS + 2), PAD, device=words.device)
    digits[:, 0] = START
    for i in range(DIGITS + 1):
        digits[:, i + 1] = model(words, digits[:, :-1])[:, i].argmax(dim=1)
    model.train()
    return digits[:, 1:]


def as_text(digits) -> str:
    """What was written before the end."""
    return "".join(str(d) for d in digits[: digits.index(END) if END in digits else None] if d < 10)


def main() -> None:
    parser = options(__doc__, steps=500, batch=128, lr=2e-3)
    parser.add_argument("--sample", type=int, default=12, help="numbers to write down")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    generator, device = torch.Generator().manual_seed(args.seed), args.device
    numbers, unseen = load_data(30_000, 1_000, args.seed)
    words, digits = encode(numbers)
    model = Reader().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, args.steps, pct_start=0.1, cycle_momentum=False)
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(numbers):,} numbers to learn from, {len(unseen):,} held out; {count:,} parameters; device {device}")

    def train_step():
        picked = torch.randint(len(words), (args.batch,), generator=generator)
        x, y = words[picked].to(device), digits[picked].to(device)
        scores = model(x, y[:, :-1])
        loss = F.cross_entropy(scores.flatten(0, 1), y[:, 1:].flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        return loss.detach()

    curve = train(train_step, args, args.batch * (DIGITS + 1))
    written = [as_text(row) for row in read(model, encode(unseen)[0].to(device)).tolist()]
    right = sum(text == str(n) for text, n in zip(written, unseen)) / len(unseen)
    print(f"{right:.1%} of {len(unseen):,} unseen numbers are right in every digit")
    wrong = [(n, text) for n, text in zip(unseen, written) if text != str(n)]
    shown = [*list(zip(unseen, written))[: args.sample], *wrong[:3]]
    lines = [f"{' '.join(in_words(n))}: {text}{'' if text == str(n) else f'  (is {n})'}" for n, text in shown]
    save("seq2seq_numbers", "\n".join(lines), curve, args.out)


if __name__ == "__main__":
    main()
