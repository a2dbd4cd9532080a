"""Short examples share a row: best_fit(lengths, capacity) → bins of example numbers.

    lengths of rows ─best_fit→ bins, each at most capacity tokens long

It does not know: tokens, models, how examples in a row are kept apart.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Pack examples by best fit, longest first, which never needs more than 11/9 of the fewest bins plus four.

    The bound is for best-fit decreasing (Johnson et al. 1974, SIAM J. Comput. 3(4)).

    Args:
        lengths: Tokens of each example, 1 to capacity.
        capacity: Most tokens of a bin.

    Returns:
        Bins of indices into ``lengths``; every index once, the longest example of a bin first.

    Raises:
        ValueError: if an example is longer than a bin or empty.
    """
    if any(not 0 < length <= capacity for length in lengths):
        raise ValueError(f"every example must have 1 to {capacity} tokens")
    bins: list[list[int]] = []
    # Bins by the room left in them; `rooms` lists, sorted, the sizes of room that some bin has.
    by_room: dict[int, list[int]] = {}
    rooms: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        length = lengths[index]
        place = bisect_left(rooms, length)
        if place == len(rooms):
            number, room = len(bins), capacity
            bins.append([])
        else:
            room = rooms[place]
            number = by_room[room].pop()
            if not by_room[room]:
                del by_room[room]
                rooms.pop(place)
        bins[number].append(index)
        left = room - length
        if left and left not in by_room:
            insort(rooms, left)
            by_room[left] = []
        if left:
            by_room[left].append(number)
    return bins
