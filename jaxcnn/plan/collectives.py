"""What a compiled program sends between devices, read off its HLO text."""

import re
from dataclasses import dataclass

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
BITS = {"pred": 8, "bf16": 16, "c64": 64, "c128": 128}
# `%name = f32[8,16]{1,0} all-reduce(...`, or with a tuple of results in parentheses.
_INSTRUCTION = re.compile(
    rf"^\s*(?:ROOT )?\S+ = (.*?) ({'|'.join(KINDS)})(-start)?\(", re.MULTILINE
)
_ARRAY = re.compile(r"\b([a-z]+\d+\w*|pred)\[([\d,]*)\]")


@dataclass(frozen=True)
class Collective:
    """All operations of a kind: how many, and the bytes of their results on a device."""

    count: int
    num_bytes: int


def collectives(hlo: str) -> dict[str, Collective]:
    """The collectives of a compiled program by kind; kinds that it has not are left out.

    An operation in a loop's body counts once. One that is started here and awaited there is
    counted where it is started.
    """
    found: dict[str, Collective] = {}
    for result, kind, start in _INSTRUCTION.findall(hlo):
        arrays = _ARRAY.findall(result)
        if start and kind in ("all-gather", "collective-permute"):
            # The operands, then the results, then for a permutation two words of context.
            arrays = [array for array in arrays if array[1]]
            arrays = arrays[len(arrays) // 2 :]
        num_bytes = sum(_bytes(*array) for array in arrays)
        before = found.get(kind, Collective(0, 0))
        found[kind] = Collective(before.count + 1, before.num_bytes + num_bytes)
    return found


def _bytes(dtype: str, shape: str) -> int:
    bits = BITS.get(dtype) or int(re.findall(r"\d+", dtype)[0])
    size = bits // 8
    for length in filter(None, shape.split(",")):
        size *= int(length)
    return size
