"""(true, predicted) to one number between 0 and 1; perfect is 1."""

from otolith.catalog import Family

FAMILY = Family(
    "metric",
    {
        "accuracy": "otolith.metrics.accuracy:accuracy",
        "balanced_accuracy": "otolith.metrics.balanced_accuracy:balanced_accuracy",
        "macro_f1": "otolith.metrics.macro_f1:macro_f1",
    },
)
