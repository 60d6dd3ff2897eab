"""Make `python/godkend/v1` from the .proto files beside this script.

    python proto/generate.py           write the package
    python proto/generate.py --check   write nothing; fail when the package is not what it would be

The tools come from requirements.lock: grpcio-tools carries protoc and writes messages and services,
mypy-protobuf writes their types. Two runs with the same lock give the same bytes, which is
what lets `--check` compare.
"""

import argparse
import difflib
import importlib.metadata
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

PROTO_DIR = Path(__file__).resolve().parent
PYTHON_DIR = PROTO_DIR.parent / "python"
PACKAGE = Path("godkend/v1")

INIT = f'''"""The wire: messages and services of `{PACKAGE}`, made from proto/{PACKAGE}/*.proto."""
'''


def main() -> int:
    """Generate, or compare with what is there; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()

    committed = PYTHON_DIR / PACKAGE
    made = generate()
    if arguments.check:
        return report(made, read_package(committed))
    write(made, committed)
    sys.stdout.write(f"proto: {len(made)} files in {committed.relative_to(PROTO_DIR.parent)}\n")
    return 0


def generate() -> dict[str, str]:
    """The whole package, by file name."""
    protos = sorted((PROTO_DIR / PACKAGE).glob("*.proto"))
    if not protos:
        raise SystemExit(f"proto: no .proto files in {PROTO_DIR / PACKAGE}")
    names = [str(proto.relative_to(PROTO_DIR)) for proto in protos]
    # For a file without a service protoc would write an empty *_pb2_grpc.py: dead code.
    served = [name for name in names if defines_service((PROTO_DIR / name).read_text("utf-8"))]

    with tempfile.TemporaryDirectory() as scratch:
        run_protoc(names, [f"--python_out={scratch}", f"--mypy_out=quiet:{scratch}"])
        if served:
            run_protoc(served, [f"--grpc_python_out={scratch}", f"--mypy_grpc_out=quiet:{scratch}"])
        made = read_package(Path(scratch) / PACKAGE)
    made = {name: header(name) + text for name, text in made.items()}
    made["__init__.py"] = INIT
    return made


def defines_service(source: str) -> bool:
    """Whether a .proto file has a service in it."""
    return re.search(r"^service\s", source, re.MULTILINE) is not None


def run_protoc(names: list[str], outputs: list[str]) -> None:
    """Run protoc on `names`, seen from proto/: imports read `from godkend.v1 import ...`."""
    try:
        import google.rpc
        from grpc_tools import protoc
    except ModuleNotFoundError:
        raise SystemExit("proto: grpcio-tools is missing; run this with `make proto`") from None

    # google/protobuf comes with grpcio-tools, google/rpc with googleapis-common-protos.
    googleapis = Path(next(iter(google.rpc.__path__))).parent.parent
    with as_file(files("grpc_tools") / "_proto") as well_known:
        includes = [PROTO_DIR, Path(well_known), googleapis]
        arguments = [
            "protoc",
            *(f"--proto_path={include}" for include in includes),
            *(f"--plugin={plugin.name}={plugin}" for plugin in plugins()),
            *outputs,
            *names,
        ]
        if protoc.main(arguments) != 0:
            raise SystemExit("proto: protoc failed, see above")


def plugins() -> Iterator[Path]:
    """The type writers, from this interpreter's own scripts, whatever PATH says."""
    for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc"):
        plugin = Path(sysconfig.get_path("scripts")) / name
        if not plugin.exists():
            raise SystemExit(f"proto: {name} is missing; run this with `make proto`")
        yield plugin


def header(name: str) -> str:
    """How a file was made, as its first lines."""
    stem = re.sub(r"_pb2(_grpc)?\.pyi?$", "", name)
    tool = "mypy-protobuf" if name.endswith(".pyi") else "grpcio-tools"
    return (
        f"# Made by `make proto` from proto/{PACKAGE}/{stem}.proto. Do not edit.\n"
        f"# Tool: {tool} {importlib.metadata.version(tool)}.\n"
    )


def read_package(directory: Path) -> dict[str, str]:
    """Every Python file of a directory, by name."""
    return {path.name: path.read_text("utf-8") for path in sorted(directory.glob("*.py*"))}


def write(made: dict[str, str], directory: Path) -> None:
    """Make a directory hold exactly `made`."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.glob("*.py*"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (directory / name).write_text(text, "utf-8")


def report(made: dict[str, str], committed: dict[str, str]) -> int:
    """Say how the committed package differs from what it should be; 0 when it does not."""
    stale = sorted(
        name for name in made.keys() | committed.keys() if made.get(name) != committed.get(name)
    )
    for name in stale:
        sys.stdout.writelines(
            difflib.unified_diff(
                committed.get(name, "").splitlines(keepends=True),
                made.get(name, "").splitlines(keepends=True),
                f"committed/{name}",
                f"regenerated/{name}",
                n=1,
            )
        )
    if stale:
        sys.stdout.write(f"proto: not current: {', '.join(stale)}; run `make proto` and commit\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
