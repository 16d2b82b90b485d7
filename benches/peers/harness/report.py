"""Tables in markdown: medians, and how many times as fast as the fastest peer nnc is."""

import math

from .systems import OURS

TITLES = {
    "training": "Training step, ms",
    "evaluation": "Evaluation of the batch, ms",
    "latency": "Evaluation of one sample, ms",
    "start": "From the start of a process to the end of its first step, s",
    "training memory": "Peak memory of a process that trains, MB",
    "evaluation memory": "Peak memory of a process that evaluates, MB",
}
UNITS = {"start": 1e3, "training memory": 1e6, "evaluation memory": 1e6}


def tables(all_results, systems, builds):
    names = [system.name for system in systems]
    found = [table(title, measure, all_results, names) for measure, title in TITLES.items()]
    found += [build_table(builds)] if builds else []
    found += [failures(all_results)] if any(results.failures for results in all_results) else []
    return "\n\n".join(text for text in found if text)


def table(title, measure, all_results, names):
    """A row for each network, a column for each system, and last the ratio."""
    measured = [name for name in names if any(results.median(name, measure) for results in all_results)]
    if not measured:
        return ""
    ratios = [ratio(results, measure, measured) for results in all_results]
    rows = [
        [label(results, measure), *(cell(results.median(name, measure), measure) for name in measured), times(value)]
        for results, value in zip(all_results, ratios)
    ]
    known = [value for value in ratios if value]
    if len(known) > 1:
        mean = math.exp(sum(map(math.log, known)) / len(known))
        rows.append(["geometric mean", *[""] * len(measured), times(mean)])
    return markdown(title, ["network, batch", *measured, "best peer / nnc"], rows)


def label(results, measure):
    batch = 1 if measure == "latency" else results.network.batch
    return f"{results.network.name}, {batch}"


def ratio(results, measure, names):
    ours = results.median(OURS, measure)
    peers = [results.median(name, measure) for name in names if name != OURS]
    peers = [value for value in peers if value]
    return min(peers) / ours if ours and peers else None


def cell(value, measure):
    if value is None:
        return "–"
    value /= UNITS.get(measure, 1.0)
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def times(value):
    return "–" if value is None else f"{value:.2f}"


def build_table(builds):
    rows = [[name, f"{wall:.0f}", f"{processors:.0f}"] for name, (wall, processors) in builds.items()]
    return markdown("Clean build of a user's program, s", ["", "wall clock", "processors"], rows)


def failures(all_results):
    lines = ["**What went wrong**", ""]
    for results in all_results:
        lines += [f"- {results.network.name}: {what}: {why}" for what, why in results.failures.items()]
    return "\n".join(lines)


def markdown(title, header, rows):
    lines = [f"**{title}**", "", line(header), line(["---", *["---:"] * (len(header) - 1)])]
    return "\n".join(lines + [line(row) for row in rows])


def line(cells):
    return "| " + " | ".join(cells) + " |"
