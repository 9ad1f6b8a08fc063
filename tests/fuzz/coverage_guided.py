"""The same surfaces by atheris, which follows what the code does: ``coverage_guided.py SURFACE [options]``."""

import sys

import atheris

with atheris.instrument_imports(include=["cloudassist", "cloudassist_agent"]):
    from fuzz.surfaces import SURFACES, feed


def main() -> None:
    """Fuzz one surface."""
    name = sys.argv.pop(1)
    seeds = SURFACES[name].genuine

    def one(data: bytes) -> None:
        # Half of the inputs begin from something genuine: the fuzzer has no dictionary of signatures.
        if data[:1] and data[0] % 2:
            seed = seeds[data[0] // 2 % len(seeds)]
            at = int.from_bytes(data[1:3], "big") % (len(seed) + 1)
            data = seed[:at] + data[3:] + seed[at + len(data[3:]) :]
        feed(name, data)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
