"""`otolith info`: what a study holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from otolith.cli.options import AsJson, OverwriteFile
from otolith.core.options import Option
from otolith.core.settings import settings
from otolith.core.terminal import tell, tell_json, tell_rich


@settings
class Info:
    """Show a study: people, hours, sensors, labels, and the rows that each file lost.

    otolith info studies/mine
    otolith info studies/mine --html mine.html
    """

    command: ClassVar[str] = "info"

    study: Annotated[Path, Option(argument=True)]
    """Study folder."""
    as_json: AsJson = False
    html: Annotated[Path | None, Option(metavar="FILE")] = None
    """Write a page with plots."""
    overwrite: OverwriteFile = False

    def run(self) -> None:
        """Print the facts, or write the page."""
        from otolith.core.files import refuse_existing
        from otolith.data.study import Study

        study = Study.load(self.study)
        if self.html is not None:
            refuse_existing(self.html, "page", self.overwrite)
        if self.as_json:
            tell_json(study.info())
            return
        from otolith.show.study_page import write_study_page
        from otolith.show.study_text import study_text

        if self.html is None:
            tell_rich(study_text(study))
        else:
            write_study_page(study, self.html)
            tell(f"Wrote {self.html}")
