"""What the examples share: gradient descent, measurements on the accelerator, tables in pages."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import weft
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from weft.graph.analysis import analyse
from weft.importers import load_model
from weft_hw.files import write_file

__all__ = ["accuracy", "cost", "fit", "run", "table", "write_block"]

CONFIG = "ulx3s-85f"
_BATCH = 64


def fit(
    net: nn.Module,
    inputs: NDArray[np.float32],
    targets: NDArray[np.integer] | NDArray[np.float32],
    epochs: int,
    change: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None,
) -> nn.Module:
    """Train ``net`` by gradient descent (AdamW, one-cycle schedule); return it in eval mode.

    Integer targets are classes, whose cross entropy is minimised; of real ones the mean squared
    error is. ``change`` varies a batch of inputs, so that few of them suffice.
    """
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)
    x = torch.from_numpy(inputs)
    classes = targets.dtype.kind in "iu"
    y = torch.from_numpy(targets.astype(np.int64) if classes else targets)
    loss_of = functional.cross_entropy if classes else functional.mse_loss
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-3)
    steps = epochs * -(-len(x) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=8e-3, total_steps=steps)
    net.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(x), generator=generator).split(_BATCH):
            batch = x[chosen] if change is None else change(x[chosen], generator)
            loss = loss_of(net(batch), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def run(model: Path, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the output for ``inputs`` in the accelerator's arithmetic: the golden model's."""
    with weft.InferenceSession(model) as session:
        [output] = session.run(None, {session.get_inputs()[0].name: inputs})
    return output


def accuracy(scores: NDArray[np.float32], labels: NDArray[np.integer]) -> str:
    """Return the share of ``labels`` that have the highest score."""
    return f"{100 * (scores.argmax(1) == labels).mean():.1f} %"


def cost(model: Path) -> dict[str, int]:
    """Return parameters, MACs and predicted cycles of one inference."""
    facts = analyse(load_model(model))
    program = weft.compile(model, CONFIG)
    return {
        "parameters": sum(fact.parameters for fact in facts),
        "MACs": sum(fact.macs for fact in facts),
        "cycles": sum(each.predicted_cycles for each in program.descriptors),
    }


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; whole numbers get commas."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(f"{c:,}" if isinstance(c, int) else str(c) for c in line) + " |"
        for line in lines
    )


def write_block(page: Path, text: str, mark: str = "made") -> None:
    """Put ``text`` between the comments ``mark`` and ``end`` of the Markdown file ``page``."""
    before = page.read_text(encoding="utf-8")
    after = re.sub(
        rf"(<!-- {mark} -->\n).*?(<!-- end -->)",
        lambda match: f"{match[1]}\n{text}\n\n{match[2]}",
        before,
        flags=re.DOTALL,
    )
    write_file(page, after.encode())
