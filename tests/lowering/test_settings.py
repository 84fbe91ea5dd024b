"""The options that programs are compiled with on a CPU."""

import math
import re

import pytest

import rustorch as torch
from rustorch.jit.repeated import Loop
from rustorch.lowering import persist, processor, settings
from rustorch.lowering.settings import LOOP, QUICK, WIDE, cpu_options


def test_state_of_a_loop_changes_in_place(monkeypatch):
    programs = []

    class Seen(Loop):
        def __init__(self, variant):
            super().__init__(variant)
            programs.append(self.programs)

    monkeypatch.setattr("rustorch.jit.repeated.Loop", Seen)
    monkeypatch.setattr(persist, "_chosen", [None])  # nothing from disk
    model = torch.nn.Sequential(torch.nn.Linear(6, 40), torch.nn.ReLU(), torch.nn.Linear(40, 3))
    optimizer = torch.optim.Adam(model.parameters())

    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    many = torch.jit.trace(step, steps=5, fullgraph=True)
    for _ in range(2):
        many(torch.ones(5, 4, 6))
    (text,) = [program.run.as_text() for made in programs for program in made.values()]
    assert "while" in text
    assert not re.findall(r"= f32\[\d.*\]\S* copy\(", text)  # arrays; XLA copies the counter once


@pytest.mark.parametrize(
    "lines, wide, sixteen",
    [
        (["vendor_id\t: AuthenticAMD", "flags\t\t: fpu avx2 avx512f avx512_bf16"], True, True),
        (["vendor_id\t: AuthenticAMD", "flags\t\t: fpu avx2"], False, False),
        (["vendor_id\t: GenuineIntel", "flags\t\t: fpu avx2 avx512f"], False, False),
        (["vendor_id\t: GenuineIntel", "flags\t\t: fpu avx2 avx512f amx_bf16"], False, True),
        (["Features\t: fp asimd"], False, False),
        ([], False, False),
    ],
)
def test_what_processors_are_good_at(monkeypatch, lines, wide, sixteen):
    monkeypatch.setattr(processor, "description", lambda: ("machine", *lines))
    assert processor.is_wide.__wrapped__() == wide
    assert processor.multiplies_bfloat16.__wrapped__() == sixteen


def test_options_of_every_program(monkeypatch):
    for wide, every in ((True, WIDE), (False, {})):
        monkeypatch.setattr(settings, "is_wide", lambda wide=wide: wide)
        assert cpu_options("stablehlo.add", None) == (every or None)
        assert cpu_options("stablehlo.while", None) == LOOP | every
        assert cpu_options("stablehlo.add", QUICK) == every | QUICK


def test_an_option_that_xla_has_not(monkeypatch):
    monkeypatch.setattr(settings, "WIDE", {"xla_cpu_gone": 1, **WIDE, "xla_cpu_gone_too": True})
    monkeypatch.setattr(settings, "is_wide", lambda: True)
    x = torch.arange(7.0)
    assert ((x * 3 + 11).cos() * 5).sum().item() == pytest.approx(
        sum(math.cos(3 * k + 11) * 5 for k in range(7)), rel=1e-5
    )
