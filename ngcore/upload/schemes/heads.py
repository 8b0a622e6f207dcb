"""What stands behind the blocks of a language model."""

from ngcore.networks import Linear
from ngcore.upload.schemes.layers import linear
from ngcore.upload.schemes.plan import Plan


def language_head(plan: Plan, x: int, head: str, table: str) -> int:
    """Scores of all tokens: by the table of tokens where it is the head's weight again, or where there is no head."""
    weight, tokens = f"{head}.weight", f"{table}.weight"
    if plan.has(weight):
        if plan.has(f"{head}.bias") or not plan.are_equal(weight, tokens):
            return linear(plan, x, head)
        plan.copies[weight] = tokens
    else:
        plan.note("The table of tokens is taken as the weight of the head, too, as the file holds no head.")
    rows, width = plan.shape(tokens, rank=2)
    return plan.step(Linear(width, rows, bias=False), x, name=table)
