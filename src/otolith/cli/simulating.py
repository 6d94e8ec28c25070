"""Simulating: motion capture to a study, a recording to look at, and how close simulated sensors
come to real ones."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from otolith.cli.console import keep_recipe, some, tables_of
from otolith.cli.options import RUN, Overwrite, OverwriteFile, Quiet, Recipe, Seed, words
from otolith.cli.progress import bar
from otolith.core.errors import ConfigError, DataError
from otolith.core.terminal import note, tell, tell_json

READ = "How files are read"
BODIES = "Who wears the sensors"


def simulate(
    context: typer.Context,
    motions: Annotated[
        list[str],
        typer.Argument(help="Files of motion capture, folders of them, or procedural:walking."),
    ],
    out: Annotated[Path, typer.Option(help="Study folder to write.")],
    placements: Annotated[
        str,
        typer.Option(help="Where sensors sit, with commas between; see: otolith list placements."),
    ] = "left_wrist,right_wrist",
    rate: Annotated[float, typer.Option(help="Samples per second.")] = 50.0,
    noise: Annotated[
        str, typer.Option(help="none, or the errors of a device: watch, phone, mtw.")
    ] = "none",
    bodies: Annotated[
        int,
        typer.Option(
            help="Bodies that make each movement; the first is 1.70 m.",
            min=1,
            rich_help_panel=BODIES,
        ),
    ] = 1,
    body_model: Annotated[
        str,
        typer.Option(
            help="Bodies with a skin: anny, or a SMPL, SMPL-H or SMPL-X file (.npz) of your own.",
            rich_help_panel=BODIES,
        ),
    ] = "",
    mounting: Annotated[
        str,
        typer.Option(
            help="exact; by_hand: a few degrees and a centimetre off; any: turned any way.",
            rich_help_panel=BODIES,
        ),
    ] = "exact",
    heading: Annotated[
        str,
        typer.Option(help="keep, or remove: every clip starts facing x.", rich_help_panel=BODIES),
    ] = "keep",
    pose_rate: Annotated[
        float, typer.Option(help="Poses per second.", rich_help_panel=BODIES)
    ] = 30.0,
    frame_rate: Annotated[
        float | None,
        typer.Option(
            help="Frames per second, where a file says none or a wrong one.", rich_help_panel=READ
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="Unit of length: m, cm, mm, inch or cmu.", rich_help_panel=READ),
    ] = None,
    up: Annotated[
        str | None,
        typer.Option(help="The file's upward axis: x, y, z, -x, -y or -z.", rich_help_panel=READ),
    ] = None,
    smoothing: Annotated[
        str,
        typer.Option(
            help="auto takes the noise out of captured paths; none; or a cut-off in Hz.",
            rich_help_panel=READ,
        ),
    ] = "auto",
    skip_damaged: Annotated[
        bool,
        typer.Option(
            "--skip-damaged",
            help="Leave a clip out that cannot be used, and say so.",
            rich_help_panel=READ,
        ),
    ] = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Simulate what sensors worn by many bodies would have measured of captured movements, and
    write a study.

    Each recording also gets the pose of the body, the text of its clip, and what each sensor truly
    did. A stopped run goes on where it was when the same command is typed again. A recipe may also
    say how bodies vary (\\[ranges]) and how a sensor sits (right_wrist = {rotation_deg = [180, 0,
    0]} under \\[mountings]).
    """
    from otolith.core.settings import configure
    from otolith.motion.bodies.variation import BodyRanges
    from otolith.motion.simulation.sensor import Mounting
    from otolith.motion.simulation.simulate_study import SimulationConfig, simulate_study

    tables = tables_of(context)
    given = {
        "heading": heading,
        "mounting": mounting,
        "smoothing": _smoothing(smoothing),
        "body_model": body_model,
        "ranges": configure(BodyRanges, tables.get("ranges", {}), "ranges"),
        "mountings": {
            place: configure(Mounting, sits, f"the mounting of '{place}'")
            for place, sits in tables.get("mountings", {}).items()
        },
    }
    config = SimulationConfig(
        placements=tuple(words(placements)),
        bodies=bodies,
        rate_hz=rate,
        noise=noise,
        pose_hz=pose_rate,
        seed=seed,
        **given,  # type: ignore[arg-type]  # SimulationConfig refuses what it does not know
    )
    reading = {"frame_rate": frame_rate, "unit": unit, "up": up}
    with bar(quiet, "recordings", "clips are looked for") as show:
        study = simulate_study(
            motions,
            out,
            config,
            reading={key: value for key, value in reading.items() if value is not None},
            overwrite=overwrite,
            on_error="skip" if skip_damaged else "stop",
            progress=show,
        )
    keep_recipe(context, out)
    _tell_left_out_and_doubtful(out)
    if not quiet:
        clips = len({(entry["performer"], entry["clip"]) for entry in study.entries})
        tell(
            f"{out}: {some(len(study), 'recording', 'recordings')} of "
            f"{some(clips, 'clip', 'clips')} on "
            f"{some(bodies, 'body', 'bodies')}, {study.hours:.2f} h. See: otolith info {out}, "
            f"otolith view {out}"
        )


def _tell_left_out_and_doubtful(out: Path) -> None:
    from otolith.core.files import read_json

    def told(name: str) -> list[dict[str, Any]]:
        return list(read_json(out / name)) if (out / name).exists() else []

    skipped = [f"left out {entry['file']}: {entry['reason']}" for entry in told("skipped.json")]
    doubtful = [
        f"kept, but look at {entry['recording']}: {'; '.join(entry['doubts'])}"
        for entry in told("doubtful.json")
    ]
    for notes, name in ((skipped, "skipped.json"), (doubtful, "doubtful.json")):
        for sentence in notes[:5]:
            note(sentence)
        if len(notes) > 5:
            note(f"and {len(notes) - 5} more; see {out / name}")


def view(
    study: Annotated[Path, typer.Argument(help="Study folder.")],
    recording: Annotated[
        str | None, typer.Argument(help="Which recording; the first if not given.")
    ] = None,
    rrd: Annotated[
        Path | None,
        typer.Option(help="Write a file for Rerun instead of opening its window.", metavar="FILE"),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw four seconds into an .svg or .png instead; no Rerun needed."),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(
            help="Second at which --figure starts; the liveliest four seconds if not given."
        ),
    ] = None,
    overwrite: OverwriteFile = False,
) -> None:
    """Look at a recording on one line of time: signals, and of a simulated one the skeleton and its
    sensors' axes."""
    from otolith.core.files import refuse_existing
    from otolith.data.study import Study

    opened = Study.load(study)
    for path in filter(None, (figure, rrd)):
        refuse_existing(path, "picture" if path is figure else "file", overwrite)
    if figure is not None:
        from otolith.show.recording_figure import write_recording_figure

        tell(f"Wrote {write_recording_figure(opened, figure, recording, start)}")
        if rrd is None:
            return
    elif start is not None:
        raise ConfigError(
            "--start says where the picture starts; say where to draw it with --figure FILE.svg."
        )
    from otolith.motion.simulation.viewing import view as show

    show(opened, recording, rrd)
    if rrd is not None:
        tell(f"Wrote {rrd}. Open it with: rerun --bind 127.0.0.1 {shlex.quote(str(rrd))}")


def fidelity(
    simulated: Annotated[Path, typer.Argument(help="Simulated study.")],
    real: Annotated[Path | None, typer.Argument(help="Real study of the same movements.")] = None,
    fit: Annotated[
        str,
        typer.Option(
            help="What of the mounting is estimated on the first half: none, rotation or mounting."
        ),
    ] = "mounting",
    band: Annotated[
        float | None, typer.Option(help="Compare what is slower than this, in Hz.")
    ] = None,
    normalise: Annotated[
        str, typer.Option(help="What magnitudes are divided by: deviation, range, real.")
    ] = "deviation",
    search: Annotated[
        float,
        typer.Option(
            help="Seconds by which the two clocks may be apart; the shift is found.", min=0.0
        ),
    ] = 0.0,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with table and figure.", metavar="FILE")
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw both side by side into an .svg or .png.", metavar="FILE"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON.", rich_help_panel=RUN)
    ] = False,
    overwrite: OverwriteFile = False,
    quiet: Quiet = False,
    recipe: Recipe = None,
) -> None:
    """Measure how close simulated sensors come to real ones that recorded the same movement.

    Recordings go together by name: a clip is called what the real recording is called.
    """
    from otolith.core.files import refuse_existing
    from otolith.data.study import Study
    from otolith.motion.fidelity.study_fidelity import FITS, compare_studies

    if real is None:
        raise ConfigError(
            "Two studies are compared: otolith fidelity SIMULATED_STUDY REAL_STUDY. The published "
            "paired sets (BROAD, gaitmap) are measured by benchmarks/fidelity.py in the "
            "repository: OTOLITH_DATA=FOLDER python benchmarks/fidelity.py"
        )
    if fit not in FITS:
        raise ConfigError(f"--fit is {', '.join(FITS)}; found '{fit}'.")
    for path in filter(None, (html, figure)):
        refuse_existing(path, "page" if path is html else "picture", overwrite)
    with bar(quiet, "pairs", "recordings are read") as show:
        pair = Study.load(simulated), Study.load(real)
        found, notes = compare_studies(*pair, fit, band, normalise, search, show)  # type: ignore[arg-type]
    if not found:
        raise DataError(f"Nothing could be compared: {'; '.join(notes)}.")
    from otolith.show.fidelity_page import HEAD, rows_of, write_fidelity_figure, write_fidelity_page

    if as_json:
        tell_json([row.as_dict() for row in found])
    else:
        _table([HEAD, *rows_of(found)])
    title = f"Fidelity of {simulated.name} to {real.name}"
    # JSON is all that --json prints, so that a pipe can read it.
    for path in filter(None, (html, figure)):
        if path is html:
            write_fidelity_page(found, notes, path, title)
        else:
            write_fidelity_figure(found, path, title)
        tell(f"Wrote {path}", err=as_json)
    if not quiet:
        for sentence in notes:
            note(sentence)


def _table(rows: list[tuple[str, ...]]) -> None:
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for line in rows:
        tell("  ".join(cell.ljust(width) for cell, width in zip(line, wide, strict=True)).rstrip())


def _smoothing(text: str) -> str | float:
    """A cut-off where it is a number; what else there is SimulationConfig knows."""
    try:
        return float(text)
    except ValueError:
        return text
