"""What is compared: a method is an objective, an encoder and a head, under one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from otolith.core.errors import ConfigError, UnknownNameError, nearest
from otolith.core.settings import built_from, configure
from otolith.learn import encoders, heads, objectives
from otolith.learn.training.configs import AdaptConfig, PretrainConfig
from otolith.measure.benchmark_config import BUILT_IN as BUILT_IN
from otolith.measure.benchmark_config import Method as Method
from otolith.measure.benchmark_config import Table

PROBED: Table = {
    **{"learning_rate": 1e-4, "head_learning_rate": 1e-4, "weight_decay": 1e-4, "warmup": 10},
    **{"batch_size": 256, "steps": 1, "epochs": 50, "balanced": False},
}
"""How PRIMUS trains its linear probe, for methods that move the encoder with it."""


def _multi3net(name: str, experts: int = 1, mode: str = "staged", **objective: Any) -> Method:
    """A row of Multi3Net's tables, pretrained for as long and as fast as published."""
    return Method(
        name,
        "multi3net",
        "channel_attention",
        "mixture_of_experts",
        mode,  # type: ignore[arg-type]  # checked by Method
        objective,
        head_settings={"experts": experts},
        pretrain={"epochs": 300, "batch_size": 32, "patience": 30, "plateau": 15},
    )


_BEFORE: Table = {"text_encoder": "text_mlp", "pose_encoder": "pose_attention"}
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


def parse_method(text: str | Method, tables: Mapping[str, Table] | None = None) -> Method:
    """Return a method by its name, as "objective:encoder:head", or from a recipe's [method.NAME].

    A table under a known name says what is different of that method; the table "*" says it of every
    method, before its own. Raises UnknownNameError or ConfigError that names what is unknown.

    >>> parse_method("none:tpn:linear").head
    'linear'
    """
    method = text if isinstance(text, Method) else _named(text, tables or {})
    completed(method)
    return method


def _named(text: str, tables: Mapping[str, Table]) -> Method:
    if text in METHODS:
        method = METHODS[text]
    elif text in tables:
        method = Method(text)
    elif text.count(":") == 2:
        objective, encoder, head = text.split(":")
        method = Method(text, objective, encoder, head)
    else:
        raise UnknownNameError(
            f"There is no method '{text}'; known are {', '.join(METHODS)}, or write "
            f"objective:encoder:head, such as none:tpn:linear.{nearest(text, METHODS)}"
        )
    for name in ("*", text):
        method = _changed(method, tables.get(name, {}))
    return method


def completed(method: Method) -> Method:
    """Return a method with every setting of all that it builds, the defaults included.

    It is built in full here: hours may lie between now and the moment at which it is used. Raises
    ConfigError or UnknownNameError for whatever cannot be built, or does not go together.

    >>> completed(METHODS["logistic"]).head_settings["strength"]
    1.0
    """
    who = f"Method '{method.name}'"
    encoder, head = encoders.FAMILY.resolve(method.encoder), heads.FAMILY.resolve(method.head)
    objective = dict(method.objective_settings)
    if method.pretrains:
        with built_from(objective, who):
            objective = objectives.FAMILY.resolve(method.objective)(**objective).settings()
    elif objective:
        raise ConfigError(f"{who}: objective '{method.objective}' has no settings.")
    _refuse_mismatch(method, encoder.learns, head.closed)
    schedule = AdaptConfig if method.objective == "labels" else PretrainConfig
    return configure(
        Method,
        asdict(method)
        | {
            "objective_settings": objective,
            "encoder_settings": _complete(encoder.Config, method.encoder_settings, who),
            "head_settings": _complete(head.Config, method.head_settings, who),
            "pretrain": _schedule(schedule, method.pretrain, f"{who}, pretrain"),
            "adapt": _schedule(AdaptConfig, method.adapt, f"{who}, adapt"),
        },
        who,
    )


def _refuse_mismatch(method: Method, learns: bool, closed: bool) -> None:
    who = f"Method '{method.name}'"
    if method.objective != "none" and not learns:
        raise ConfigError(
            f"{who}: encoder '{method.encoder}' has no weights for an objective to train."
        )
    if not learns and not closed:
        raise ConfigError(
            f"{who}: head '{method.head}' learns by gradients; use forest or logistic."
        )


def _complete(kind: type[Any], given: Table, who: str) -> dict[str, Any]:
    return asdict(configure(kind, given, who))


def _schedule(kind: type[Any], given: Table, who: str) -> dict[str, Any]:
    """Every setting of a schedule, but what the fold or the method says: seed, mode and settings of
    what is built."""
    for name in ("objective_settings", "encoder_settings"):
        if name in given:
            raise ConfigError(f"{who}: '{name}' belongs beside this table, not into it.")
    whole = _complete(kind, given, who)
    beside = {"seed", "mode", "objective_settings", "encoder_settings"} - given.keys()
    return {name: value for name, value in whole.items() if name not in beside}


def _changed(method: Method, table: Table) -> Method:
    """A method with some things different: settings setting by setting, all else as a whole."""
    before = method.to_json()
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"A method of a recipe is a table: [method.{method.name}]; found {table!r:.80}."
        )
    now = {
        key: before[key] | dict(value)
        if isinstance(before.get(key), dict) and isinstance(value, Mapping)
        else value
        for key, value in table.items()
    }
    return configure(Method, before | now, f"method '{method.name}'") if now else method
