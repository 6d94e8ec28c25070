"""What is compared: a method is an objective, an encoder and a head, under one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Annotated, Any, Literal

from annotated_types import Interval

from otolith.core.errors import ConfigError, UnknownNameError, nearest
from otolith.core.settings import built_from, configure, settings
from otolith.learn import encoders, heads, objectives

Mode = Literal["finetune", "frozen", "staged"]


@settings
class Method:
    """One way from recordings to labels."""

    name: str
    objective: str = "none"
    """What the encoder is pretrained with; `none` leaves it at random weights; `labels` trains it
    on every label of the training people, however few the head then gets: what stands beside a
    method that saw those labels as words."""
    encoder: str = "tpn"
    head: str = "mlp"
    mode: Mode = "finetune"
    """Whether the labels move the encoder too: `finetune`, `frozen`, or `staged`: once the head has
    learnt."""
    objective_settings: dict[str, Any] = field(default_factory=dict)
    pretrain_on: tuple[str, ...] = ("people",)
    """Whose windows the encoder is pretrained on: `people`, the training people of each fold, and
    folders of other studies."""
    pretrain_share: Annotated[float, Interval(gt=0, le=1)] = 1.0
    """Share of the recordings that the encoder is pretrained on; a larger share holds a smaller
    one."""
    pretrain_placements: tuple[str, ...] = ()
    """Sensors that pretraining on other studies sees, of which the tested ones are kept; empty for
    the tested ones."""
    add: tuple[str, ...] = ()
    """Folders of other studies, such as simulated ones, whose labelled windows are learnt from
    beside the few."""
    encoder_settings: dict[str, Any] = field(default_factory=dict)
    head_settings: dict[str, Any] = field(default_factory=dict)
    pretrain: dict[str, Any] = field(default_factory=dict)
    """Settings of the pretraining that differ from its defaults; of the adaptation for objective
    `labels`."""
    adapt: dict[str, Any] = field(default_factory=dict)
    """Settings of the adaptation that differ from its defaults."""

    def to_json(self) -> dict[str, Any]:
        """Return everything that decides what this method does."""
        several = ("pretrain_on", "pretrain_placements", "add")
        return asdict(self) | {name: list(getattr(self, name)) for name in several}


BUILT_IN = ("none", "labels")
"""What stands for an objective and is none."""
PROBED: dict[str, Any] = {
    "learning_rate": 1e-4, "head_learning_rate": 1e-4, "weight_decay": 1e-4, "warmup": 10, "batch_size": 256,
    "steps": 1, "epochs": 50, "balanced": False,
}  # fmt: skip
"""How PRIMUS trains its linear probe, for methods that move the encoder with it."""


def _multi3net(name: str, experts: int = 1, mode: Mode = "staged", **objective: Any) -> Method:
    """A row of Multi3Net's tables, pretrained for as long and as fast as published."""
    schedule = {"epochs": 300, "batch_size": 32, "patience": 30, "plateau": 15}
    head = {"experts": experts}
    return Method(name, "multi3net", "channel_attention", "mixture_of_experts", mode, objective, head_settings=head,
                  pretrain=schedule)  # fmt: skip


_BEFORE: dict[str, Any] = {"text_encoder": "text_mlp", "pose_encoder": "pose_attention"}
"""The encoders of words and poses that Multi3Net had before it became Multi3Net+."""

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("pim", "pim"),
        Method("pim-speed", "pim", objective_settings={"angle": 0.0, "symmetry": 0.0}),
        Method("pim-angle", "pim", objective_settings={"speed": 0.0, "symmetry": 0.0}),
        Method("pim-symmetry", "pim", objective_settings={"speed": 0.0, "angle": 0.0}),
        Method("pim-frozen", "pim", mode="frozen"),
        Method("transformations", "transformations"),
        Method("masked", "masked"),
        Method("simclr", "simclr"),
        Method("imu2clip", "imu2clip"),
        Method("primus", "primus"),
        Method("primus-ss", "primus", objective_settings={"mm": 0.0, "nn": 0.0}),
        Method("primus-mm", "primus", objective_settings={"ss": 0.0, "nn": 0.0}),
        Method("primus-nn", "primus", objective_settings={"ss": 0.0, "mm": 0.0}),
        Method("primus-ss-mm", "primus", objective_settings={"nn": 0.0}),
        Method("primus-ss-nn", "primus", objective_settings={"mm": 0.0, "text": "", "pose": ""}),
        Method("primus-mm-nn", "primus", objective_settings={"ss": 0.0}),
        _multi3net("multi3net", **_BEFORE),
        _multi3net("multi3net-frozen", mode="frozen", **_BEFORE),
        _multi3net("multi3net-contrast", pose_to_imu=0.0, imu_to_imu=0.0, **_BEFORE),
        _multi3net("multi3net-reconstruction", contrast=0.0, pose_to_imu=0.0),
        _multi3net("multi3net-plus", experts=16),
        _multi3net("multi3net-plus-frozen", experts=16, mode="frozen"),
        _multi3net("multi3net-plus-4", experts=4),
        _multi3net("multi3net-plus-1"),
        Method(
            "multi3net-base",
            encoder="channel_attention",
            head="mixture_of_experts",
            head_settings={"experts": 1},
        ),
        Method(
            "deep-conv-lstm", encoder="deep_conv_lstm", head="linear", adapt={"learning_rate": 1e-3}
        ),
        Method(
            "primus-probe",
            "primus",
            head="probe",
            mode="frozen",
            head_settings={"initial": "text"},
            adapt={"space": "shared"},
        ),
        Method("standard", head="linear", adapt=PROBED),
        Method("scratch"),
        Method("supervised", "labels", mode="frozen"),
        Method("forest", encoder="features", head="forest"),
        Method("logistic", encoder="features", head="logistic"),
    )
}


def parse_method(text: str | Method, own: Mapping[str, Mapping[str, Any]] | None = None) -> Method:
    """Return a method by its name, as "objective:encoder:head", or from a recipe's own table.

    A table under a known name says what is different of that method; the table "*" says it of every
    method, before its own. Raises UnknownNameError or ConfigError that names what is unknown.
    """
    if isinstance(text, Method):
        return text
    tables = [own[name] for name in ("*", text) if name in own] if own else []
    if text in METHODS:
        method = METHODS[text]
    elif own and text in own:
        method = Method(text)
    elif text.count(":") == 2:
        objective, encoder, head = text.split(":")
        method = Method(text, objective, encoder, head)
    else:
        raise UnknownNameError(
            f"There is no method '{text}'; known are {', '.join(METHODS)}, or write "
            f"objective:encoder:head, such as "
            f"none:tpn:linear.{nearest(text, METHODS)}"
        )
    for table in tables:
        method = _changed(method, table)
    encoder, head = encoders.FAMILY.resolve(method.encoder), heads.FAMILY.resolve(method.head)
    if method.objective not in BUILT_IN:
        with built_from(method.objective_settings, f"Method '{text}'"):
            objectives.FAMILY.resolve(method.objective)(**method.objective_settings)
    # Lists of methods are told without torch.
    from otolith.learn.training.adapt import AdaptConfig
    from otolith.learn.training.pretrain import PretrainConfig

    # Hours may lie between now and the moment at which these are used.
    for kind, given in (
        (encoder.Config, method.encoder_settings),
        (head.Config, method.head_settings),
    ):
        configure(kind, given, f"method '{text}'")
    schedule = AdaptConfig if method.objective == "labels" else PretrainConfig
    configure(schedule, method.pretrain, f"pretrain of method '{text}'")
    configure(AdaptConfig, method.adapt, f"adapt of method '{text}'")
    if method.objective != "none" and not encoder.learns:
        raise ConfigError(
            f"Method '{text}': encoder '{method.encoder}' has no weights for an objective to train."
        )
    if not encoder.learns and not head.closed:
        raise ConfigError(
            f"Method '{text}': head '{method.head}' learns by gradients; use forest or logistic."
        )
    if not method.pretrain_on or "" in method.pretrain_on:
        raise ConfigError(
            f"Method '{text}': pretrain_on names nothing; write people, a study's folder, or both."
        )
    return method


def _changed(method: Method, table: Mapping[str, Any]) -> Method:
    """A method with some things different: settings setting by setting, all else as a whole."""
    was = method.to_json()
    for key, value in table.items():
        if isinstance(was.get(key), dict) and not isinstance(value, Mapping):
            raise ConfigError(f"method '{method.name}': '{key}' is a table; found {value!r:.80}.")
    now = {
        key: was[key] | value if isinstance(was.get(key), dict) else value
        for key, value in table.items()
    }
    return configure(Method, was | now, f"method '{method.name}'")
