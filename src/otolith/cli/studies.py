"""Recordings: read them into a study, look at one, and list what can be named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otolith.cli.console import some
from otolith.cli.options import Overwrite, OverwriteFile, Quiet, Recipe, settings_of
from otolith.cli.progress import counter
from otolith.core.errors import ConfigError, nearest
from otolith.core.terminal import note, tell, tell_json, tell_rich

if TYPE_CHECKING:
    from otolith.data.study import Study


def import_(
    source: Annotated[Path, typer.Argument(help="Folder (or file) with the recordings.")],
    out: Annotated[Path | None, typer.Option(help="Study folder to write.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="A published data set's layout; see: otolith list datasets.")
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="TOML that names columns, units and places; see docs/recordings.md."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="With --dataset: an option of the data set, such as annotation=actions; may be "
            "repeated.",
        ),
    ] = None,
    guess: Annotated[
        bool, typer.Option("--guess", help="Only write the mapping, as far as it can be known.")
    ] = False,
    skip_damaged: Annotated[
        bool,
        typer.Option("--skip-damaged", help="With --mapping: leave a damaged file out and say so."),
    ] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Read recordings into a study: one form, SI units, every row that was not kept reported."""
    if guess:
        if mapping is None or dataset is not None:
            raise ConfigError(
                "--guess writes a mapping: say where with --mapping FILE.toml, and give no "
                "--dataset."
            )
        _guess(source, mapping, overwrite)
        return
    if out is None or (dataset is None) == (mapping is None):
        raise ConfigError(
            "Say where to with --out STUDY, and what it is with either --dataset NAME or --mapping "
            "FILE.toml."
        )
    if skip_damaged and dataset is not None:
        raise ConfigError(
            "--skip-damaged goes with --mapping; a published data set is read whole or not at all."
        )
    if settings and dataset is None:
        raise ConfigError("--set goes with --dataset; a mapping says everything itself.")
    with counter(quiet, "recordings") as tick:
        if dataset is not None:
            from otolith.data.datasets import import_dataset

            given = settings_of(settings or [])
            study = import_dataset(
                source, dataset, out, overwrite=overwrite, progress=tick, **given
            )
        else:
            from otolith.data.readers import import_tables

            assert mapping is not None
            study = import_tables(
                source,
                mapping,
                out,
                overwrite=overwrite,
                on_error="skip" if skip_damaged else "stop",
                progress=tick,
            )
    if skip_damaged:
        _tell_skipped(out)
    _tell_cut(study)
    if not quiet:
        rows = study.rows
        people = some(len(study.subjects), "person", "people")
        tell(
            f"{out}: {some(len(study), 'recording', 'recordings')} of {people}, {study.hours:.2f} "
            f"h; "
            f"{rows['read']} rows read = {rows['kept']} kept + {rows['reported']} reported. See: "
            f"otolith info {out}"
        )


def _tell_cut(study: Study) -> None:
    """Say once how many recordings come from files that may have been cut in their last line."""
    from otolith.data.readers.columns import NO_LINE_END

    cut = [
        entry["id"]
        for entry in study.entries
        if any(
            report["kind"] == NO_LINE_END
            for stream in entry["streams"]
            for report in stream["reports"]
        )
    ]
    if cut:
        note(
            f"the last line of the file does not end in "
            f"{some(len(cut), 'recording', 'recordings')} "
            f"({', '.join(cut[:3])}{', …' if len(cut) > 3 else ''}); it may have been cut."
        )


def _tell_skipped(out: Path) -> None:
    from otolith.core.files import read_json

    path = out / "skipped.json"
    skipped = read_json(path) if path.exists() else []
    for entry in skipped[:5]:
        file, reason = entry["file"], entry["reason"]
        note(f"left out {reason if file in reason else f'{file}: {reason}'}")
    if len(skipped) > 5:
        note(f"and {len(skipped) - 5} files more; see {path}")


def _guess(source: Path, mapping: Path, overwrite: bool) -> None:
    from otolith.core.files import refuse_existing, write_text
    from otolith.data.readers import guess

    refuse_existing(mapping, "mapping", overwrite)
    text, unknown = guess(source)
    write_text(mapping, text)
    if unknown:
        tell(f"Wrote {mapping}. What could not be known, and is to be filled in there:")
        for line in unknown:
            tell(f"  - {line}")
    else:
        tell(f"Wrote {mapping}. Nothing is left open; read it before you trust it.")
    tell(f"Then: otolith import {source} --mapping {mapping} --out STUDY")


def info(
    study: Annotated[Path, typer.Argument(help="Study folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with plots.", metavar="FILE")
    ] = None,
    overwrite: OverwriteFile = False,
) -> None:
    """Show a study: who, how long, which sensors, which labels, and what every file lost on the
    way."""
    from otolith.core.files import refuse_existing
    from otolith.data.study import Study

    opened = Study.load(study)
    if html is not None:
        refuse_existing(html, "page", overwrite)
    if as_json:
        tell_json(opened.info())
        return
    from otolith.show.study_page import write_study_page
    from otolith.show.study_text import study_text

    if html is not None:
        write_study_page(opened, html)
        tell(f"Wrote {html}")
        return
    tell_rich(study_text(opened))


def list_(
    family: Annotated[
        str,
        typer.Argument(
            help="datasets, readers, modalities, augmentations, objectives, encoders, heads, "
            "metrics, placements, "
            "activities, methods or recipes."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what can be named: each with a sentence."""
    rows = listing(family)
    if as_json:
        tell_json([{"name": name, "what": what} for name, what in rows])
        return
    width = max(len(name) for name, _ in rows)
    for name, what in rows:
        tell(f"{name:{width}}  {what}".rstrip())


def _method_words(method: Any) -> str:
    how = {"frozen": ", encoder frozen", "staged": ", fine-tuned in stages"}.get(
        method.mode, ", fine-tuned"
    )
    pretrained = "" if method.objective == "none" and method.mode != "staged" else how
    said = method.objective_settings | method.head_settings
    settings = ", ".join(f"{key} = {value}" for key, value in said.items())
    return f"{method.objective}:{method.encoder}:{method.head}{pretrained}{settings and f' ({settings})'}"


def listing(name: str) -> list[tuple[str, str]]:
    """Return the members of a list, each with a sentence; ConfigError where there is no such list."""
    from otolith.core import catalog

    if name == "placements":
        return [
            (p.name, p.words + (f" (pair: {p.modality})" if p.modality else ""))
            for p in catalog.PLACEMENTS.values()
        ]
    if name == "activities":
        return [(activity, "") for activity in catalog.ACTIVITIES]
    if name == "methods":
        from otolith.measure.methods import METHODS

        return [(method.name, _method_words(method)) for method in METHODS.values()]
    if name == "recipes":
        from otolith.core.recipes import packaged

        return list(packaged().items())
    known = [*catalog.FAMILIES, "placements", "activities", "methods", "recipes"]
    if name not in known:
        raise ConfigError(
            f"There is no list '{name}'; there are {', '.join(known)}.{nearest(name, known)}"
        )
    table = catalog.family(name)
    return [(member, table.sentence(member)) for member in table]
