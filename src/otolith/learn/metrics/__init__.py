"""(true, predicted) to one number between 0 and 1; perfect is 1.

A member is one function in a file of its own, and one line in the table:

>>> def recall_of(true, predicted, label="fall"):
...     "Share of the windows of one label that were recognised."
...     hits = [p == label for t, p in zip(true, predicted, strict=True) if t == label]
...     return sum(hits) / len(hits)
>>> recall_of(["fall", "fall", "sit"], ["fall", "sit", "sit"])
0.5
"""

from otolith.core.catalog import Family

FAMILY = Family(
    "metric",
    {
        "accuracy": "otolith.learn.metrics.accuracy:accuracy",
        "balanced_accuracy": "otolith.learn.metrics.balanced_accuracy:balanced_accuracy",
        "macro_f1": "otolith.learn.metrics.macro_f1:macro_f1",
    },
)
