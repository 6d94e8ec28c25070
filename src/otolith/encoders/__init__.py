"""Windows to vectors: each member keeps the promise of `encoder.py`."""

from otolith.catalog import Family

FAMILY = Family(
    "encoder",
    {
        "tpn": "otolith.encoders.tpn:TPN",
        "stacked_rnn": "otolith.encoders.stacked_rnn:StackedRNN",
        "features": "otolith.encoders.features:Features",
    },
)
