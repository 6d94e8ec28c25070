"""Windows to vectors: each member keeps the promise of `encoder.py`."""

from otolith.catalog import Family

FAMILY = Family(
    "encoder",
    {
        "tpn": "otolith.encoders.tpn:TPN",
        "stacked_rnn": "otolith.encoders.stacked_rnn:StackedRNN",
        "channel_attention": "otolith.encoders.channel_attention:ChannelAttention",
        "deep_conv_lstm": "otolith.encoders.deep_conv_lstm:DeepConvLSTM",
        "features": "otolith.encoders.features:Features",
    },
)
