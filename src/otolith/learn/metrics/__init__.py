"""(true, predicted) to one number between 0 and 1; perfect is 1."""

from otolith.core.catalog import Family

FAMILY = Family(
    "metric",
    {
        "accuracy": "otolith.learn.metrics.accuracy:accuracy",
        "balanced_accuracy": "otolith.learn.metrics.balanced_accuracy:balanced_accuracy",
        "macro_f1": "otolith.learn.metrics.macro_f1:macro_f1",
    },
)
