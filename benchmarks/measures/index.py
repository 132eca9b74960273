"""The engine's hash index against absl::flat_hash_set, in C++ and without Python (micro/bench_hash_index.cc)."""

import native
from drive import Session

PACKAGES = ["absl_raw_hash_set", "absl_hash", "absl_status"]


def against_flat_hash_set(session: Session) -> None:
    engine = native.HERE.parent / "cpp"
    parts = [engine / "table" / "hash_index.cc", engine / "column" / "block.cc"]
    parts += [path for path in sorted((engine / "base").glob("*.cc")) if not path.stem.endswith(("_test", "_stress"))]
    sources = [native.HERE / "micro" / "bench_hash_index.cc", *parts]
    try:
        program = native.build_program(sources, engine, PACKAGES, session.scratch)
    except native.BuildError as error:
        session.left_out["micro/bench_hash_index.cc"] = str(error)
        return
    for line in native.run([str(program), str(session.rows), str(session.repeats)]).splitlines():
        operation, peer, unit, *values = line.split("\t")
        session.add(f"index: {operation}", peer, map(float, values), unit)
