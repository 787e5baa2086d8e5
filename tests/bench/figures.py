"""Figures and their floors: samples taken in turns, ratios of pairs, medians, a table and JSON."""

import statistics


class Samples(list):
    """Values of one thing, one per round."""

    def summary(self):
        return {"median": statistics.median(self), "min": min(self), "max": max(self), "rounds": len(self)}


class Row:
    """One figure beside the floor that was measured in the same rounds."""

    def __init__(self, name, unit, values, floor_name=None, floors=None):
        self.name, self.unit, self.values = name, unit, Samples(values)
        self.floor_name = floor_name
        self.floors = Samples(floors) if floors else None
        pairs = zip(self.values, self.floors) if floors else []
        self.ratios = Samples(value / floor for value, floor in pairs)

    def as_json(self):
        row = {"name": self.name, "unit": self.unit, "value": self.values.summary(), "values": list(self.values)}
        if self.floors:
            row["floor"] = {"name": self.floor_name, "value": self.floors.summary(), "values": list(self.floors)}
            row["ratio"] = self.ratios.summary()
        return row


def number(value):
    if value == 0:
        return "0"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


def spread(samples):
    summary = samples.summary()
    return f"{number(summary['median'])} ({number(summary['min'])}..{number(summary['max'])})"


def table(title, rows):
    """The rows as text: median (min..max) of value, floor and ratio."""
    lines = [("figure", "unit", "median (min..max)", "floor", "median (min..max)", "ratio (min..max)")]
    for row in rows:
        floor = (row.floor_name, spread(row.floors), spread(row.ratios)) if row.floors else ("", "", "")
        lines.append((row.name, row.unit, spread(row.values), *floor))
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    text = [f"\n== {title}"]
    text += ["   ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    return "\n".join(text)
