"""The queue: first in first out, looked up as a plain search would, and part of what is saved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from otolith.learn.objectives._queue import IMU, Queue, products

WIDTHS = {IMU: 6, "video": 5, "text": 4}
Rows = tuple[torch.Tensor, dict[str, torch.Tensor], dict[str, torch.Tensor]]


def rows(count: int, seed: int, first: int = 0, share: float = 0.6) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    vectors = {
        name: torch.randn(count, width, generator=generator) for name, width in WIDTHS.items()
    }
    vectors["text"] = vectors["text"].sign()  # some are equal
    present = {name: torch.rand(count, generator=generator) < share for name in WIDTHS}
    present[IMU][:] = True
    return torch.arange(first, first + count), vectors, present


class Naive:
    """The same by loops over lists."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.slots: list[tuple[int, dict[str, np.ndarray]]] = []

    def push(
        self,
        number: torch.Tensor,
        vectors: dict[str, torch.Tensor],
        present: dict[str, torch.Tensor],
    ) -> None:
        for i, own in enumerate(number.tolist()):
            held = {name: unit(vectors[name][i]) for name in vectors if present[name][i]}
            self.slots.append((own, held))
        self.slots = self.slots[-self.size :]

    def nearest(
        self,
        by: list[str],
        number: torch.Tensor,
        vectors: dict[str, torch.Tensor],
        present: dict[str, torch.Tensor],
    ) -> list[dict[str, np.ndarray] | None]:
        out: list[dict[str, np.ndarray] | None] = []
        for i, own in enumerate(number.tolist()):
            found = None
            for name in by:
                others = [held for other, held in self.slots if other != own and name in held]
                if found is None and present[name][i] and others:
                    query, motion = unit(vectors[name][i]), unit(vectors[IMU][i])
                    likeness = [
                        query @ held[name] + (name == "text") * 1e-4 * (motion @ held[IMU])
                        for held in others
                    ]
                    found = others[int(np.argmax(likeness))]
            out.append(found)
        return out


def unit(vector: torch.Tensor) -> np.ndarray:
    values = vector.double().numpy()
    return np.asarray(values / np.linalg.norm(values))


@pytest.mark.parametrize("by", [[IMU], ["text", IMU], ["video", "text", IMU]])
@pytest.mark.parametrize("size", [7, 20, 64])
def test__queue__step_by_step__finds_what_a_plain_search_finds(by: list[str], size: int) -> None:
    queue, naive = Queue(size, WIDTHS), Naive(size)
    for step in range(8):
        number, vectors, present = rows(9, step, first=9 * (step % 3))  # every window comes again
        slot, found = queue.nearest(by, number, vectors, present)
        expected = naive.nearest(by, number, vectors, present)
        assert found.tolist() == [held is not None for held in expected]
        for i, held in enumerate(expected):
            for name in WIDTHS if held is not None else ():
                value, there = queue.at(slot[i : i + 1], name)
                assert bool(there) == (name in held)
                np.testing.assert_allclose(
                    value[0].numpy(), held.get(name, 0 * value[0].numpy()), atol=1e-6
                )
        queue.push(number, vectors, present)
        naive.push(number, vectors, present)
    assert int(queue.taken) == 72


def test__queue__empty_or_itself_alone__finds_nobody() -> None:
    queue = Queue(8, WIDTHS)
    number, vectors, present = rows(3, 0)
    assert queue.is_empty and not queue.nearest([IMU], number, vectors, present)[1].any()
    one = (
        {name: value[:1] for name, value in vectors.items()},
        {name: value[:1] for name, value in present.items()},
    )
    queue.push(number[:1], *one)
    assert not queue.is_empty
    assert queue.nearest([IMU], number, vectors, present)[1].tolist() == [False, True, True]


def test__queue__batch_larger_than_it__keeps_the_last() -> None:
    queue = Queue(4, {IMU: 6})
    number, vectors, present = rows(11, 0)
    queue.push(number, vectors, present)
    assert sorted(queue.number.tolist()) == [7, 8, 9, 10]
    assert int(queue.taken) == 11
    queue.push(number[:1] + 11, {IMU: vectors[IMU][:1]}, {IMU: present[IMU][:1]})
    assert sorted(queue.number.tolist()) == [8, 9, 10, 11]


def test__queue__unlike_everything__is_not_drawn_to_empty_slots() -> None:
    queue = Queue(8, {IMU: 2})
    there = {IMU: torch.tensor([True])}
    queue.push(torch.tensor([0]), {IMU: torch.tensor([[1.0, 0.0]])}, there)
    slot, found = queue.nearest([IMU], torch.tensor([1]), {IMU: torch.tensor([[-1.0, 0.0]])}, there)
    assert (
        found.item() and slot.item() == 0
    )  # cosine −1, where the zeros of an empty slot would give 0


def test__queue__saved_and_loaded__goes_on_the_same() -> None:
    first, second = Queue(16, WIDTHS), Queue(16, WIDTHS)
    first.push(*rows(10, 0))
    second.load_state_dict(first.state_dict(), strict=True)
    for queue in (first, second):
        queue.push(*rows(10, 1, first=10))
    asked = rows(10, 2, first=20)
    assert torch.equal(
        first.nearest(["video", IMU], *asked)[0], second.nearest(["video", IMU], *asked)[0]
    )
    assert all(
        torch.equal(first.state_dict()[name], value) for name, value in second.state_dict().items()
    )


def test__products__are_the_matrix_product() -> None:
    generator = torch.Generator().manual_seed(0)
    queries, bank = torch.randn(5, 7, generator=generator), torch.randn(9, 7, generator=generator)
    bias = torch.tensor([0.0] * 8 + [float("-inf")])
    torch.testing.assert_close(products(queries, bank), queries @ bank.T)
    torch.testing.assert_close(products(queries, bank, bias), queries @ bank.T + bias)
