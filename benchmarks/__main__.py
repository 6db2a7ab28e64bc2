"""All benchmarks, as one table: ``python -m benchmarks``."""

from benchmarks import music, starts
from benchmarks.rows import table

if __name__ == "__main__":
    print(table([*starts.measure(), *music.measure()]))
