"""How long and how fast to learn. The two configs stand here without torch, so that a command can
list its options at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Le

from otolith.core.options import RUN, Option
from otolith.core.settings import Count, Index, NonNegative, Positive, Seed, settings

Epochs = Annotated[Count, Le(10**6)]
Patience = Annotated[Index, Le(10**6)]
Batch = Annotated[Count, Le(2**31 - 1)]
Seeded = Annotated[Seed, Option(panel=RUN)]


@settings
class PretrainConfig:
    """How long and how fast to pretrain, and the settings of what is built for it.

    >>> PretrainConfig(epochs=20).patience
    10
    >>> PretrainConfig(epocs=20)
    Traceback (most recent call last):
    otolith.core.errors.ConfigError: PretrainConfig has no setting 'epocs'; ...
    """

    epochs: Epochs = 100
    """Most passes over the windows."""
    batch_size: Batch = 256
    """Windows in a step."""
    learning_rate: Positive = 1e-3
    """Adam's step."""
    patience: Patience = 10
    """Epochs without a better validation loss after which it stops; 0 for never."""
    plateau: Patience = 0
    """Epochs without a better validation loss after which the rate falls to a tenth; 0 for
    never."""
    in_turn: bool = False
    """Several studies one after the other, not together: each until it stops, the next goes on with
    its weights. Each holds back people of its own, and the best epoch is one of the last study."""
    validation_people: Annotated[Index, Le(10**6)] = 0
    """Training people held back to choose the best epoch; 0 for one, or two from ten people up."""
    seed: Seeded = 0
    """Of weights, order, dropout and the choice of validation people."""
    objective_settings: Mapping[str, Any] | None = None
    """Settings of the objective that differ from its defaults."""
    encoder_settings: Mapping[str, Any] | None = None
    """Settings of the encoder that differ from its defaults."""


@settings
class AdaptConfig:
    """How a head, and the encoder with it, learns from a few labels.

    The schedule is fixed, as no label is left to choose by.

    >>> AdaptConfig(mode="frozen", steps=30).learning_rate
    0.0003
    """

    mode: Literal["finetune", "frozen", "staged"] = "finetune"
    """finetune moves the encoder too, as PIM does; frozen leaves it; staged moves it once the head
    has learnt, as Multi3Net does."""
    steps: Annotated[Count, Le(10**9)] = 100
    """Optimiser steps at least; more where the windows need them, see epochs. Tried on training
    people: 30 to 100 steps were better than 200 at two windows a class, and as good at eight."""
    epochs: Patience = 10
    """Passes over all windows at least."""
    batch_size: Batch = 64
    """Windows in a step."""
    learning_rate: NonNegative = 3e-4
    """Adam's step for the encoder; the rate falls to 0 along a cosine."""
    head_learning_rate: NonNegative = 1e-3
    """Adam's step for the head; 0 keeps it still."""
    patience: Epochs = 5
    """Staged: epochs without a lower training loss after which the encoder moves too; it does in
    any case after as many steps as are left to it."""
    staged_learning_rate: NonNegative = 1e-4
    """Staged: Adam's step for the encoder once it moves."""
    weight_decay: NonNegative = 0.0
    """AdamW's decay of all weights, in place of what the encoder asks for; 0 for Adam, and what the
    encoder asks for."""
    warmup: Annotated[Index, Le(10**9)] = 0
    """Steps at least over which the rate rises, or a hundredth of all where that is more; 0 to
    begin high."""
    space: Literal["encoder", "shared"] = "encoder"
    """What the head sees: the encoder's own vectors, or unit vectors in the space that it shares
    with texts, video or poses."""
    balanced: bool = True
    """Weigh the classes alike in the loss, however many windows each has."""
    seed: Seeded = 0
    """Of the head's weights, the order and dropout."""
