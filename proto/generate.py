"""Generate the stubs from the .proto files: at build, never edited and never committed."""

import importlib.resources
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.type import money_pb2
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent


def protoc(*arguments: str) -> None:
    """Run protoc on every .proto file of the contract, with Google's own files on its path."""
    # googleapis-common-protos carries the .proto files beside the modules made from them.
    google = Path(money_pb2.__file__).parents[2]
    protos = sorted(str(path.relative_to(HERE)) for path in HERE.glob("payment_actions/**/*.proto"))
    include = importlib.resources.files("grpc_tools") / "_proto"
    _protoc("-I.", f"-I{google}", f"-I{include}", *arguments, *protos)


def _protoc(*arguments: str) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", *arguments]
    # protoc looks for its plugins (mypy-protobuf's) on the PATH; they stand beside the interpreter that runs this.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    subprocess.run(command, cwd=HERE, check=True, env=os.environ | {"PATH": path})  # noqa: S603 - our own arguments, no shell


def generate() -> None:
    """Write `src/payment_actions/v1/`: messages, gRPC stubs and their types."""
    target = HERE / "src"
    shutil.rmtree(target, ignore_errors=True)
    (target / "payment_actions" / "v1").mkdir(parents=True)
    protoc("--python_out=src", "--mypy_out=quiet:src", "--grpc_python_out=src", "--mypy_grpc_out=quiet:src")
    for package in ("payment_actions", "payment_actions/v1"):
        (target / package / "__init__.py").touch()
    (target / "payment_actions" / "py.typed").touch()


# What of Google's the contract and its errors use, and of the error details only these two.
GOOGLE = ("google/rpc/error_details.proto", "google/rpc/status.proto", "google/type/money.proto")
ERROR_DETAILS = ("ErrorInfo", "RetryInfo")


def generate_typescript(target: Path, plugin: Path) -> None:
    """Write the TypeScript messages, and those of Google's that they use, for which no package is published.

    Every generated file carries its own description, which every page would load: it is given only what it needs.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    image = target / "contract.binpb"
    protoc("--include_imports", "--include_source_info", f"--descriptor_set_out={image}", *GOOGLE)
    image.write_bytes(_lean(image.read_bytes()))
    protos = [str(path.relative_to(HERE)) for path in HERE.glob("payment_actions/**/*.proto")]
    _protoc(
        f"--descriptor_set_in={image}",
        f"--plugin=protoc-gen-es={plugin}",
        f"--es_out={target}",
        "--es_opt=target=ts,import_extension=js",
        *sorted(protos),
        *GOOGLE,
    )
    image.unlink()


def _lean(image: bytes) -> bytes:
    files = FileDescriptorSet.FromString(image)
    for file in files.file:
        if file.name == GOOGLE[0]:
            kept = [message for message in file.message_type if message.name in ERROR_DETAILS]
            del file.message_type[:]
            file.message_type.extend(kept)
            file.ClearField("source_code_info")  # It points at the messages by their place.
        if not file.name.startswith("google/protobuf/"):
            for message in file.message_type:
                for field in message.field:
                    field.ClearField("options")  # Who sets a field is said in its comment too.
            dependencies = [name for name in file.dependency if name != "google/api/field_behavior.proto"]
            del file.dependency[:]
            file.dependency.extend(dependencies)
    return files.SerializeToString()


class GenerateStubs(BuildHookInterface[Any]):
    """Hatchling calls this before it packs a wheel, editable ones included."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Generate the stubs."""
        generate()


if __name__ == "__main__":
    # `python generate.py image FILE`: the same contract as one descriptor image, which buf lints and compares.
    # `python generate.py typescript FOLDER PROTOC_GEN_ES`: what clients/web is built from.
    if sys.argv[1:2] == ["image"]:
        protoc(
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={Path(sys.argv[2]).resolve()}",
        )
    elif sys.argv[1:2] == ["typescript"]:
        generate_typescript(Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve())
    else:
        generate()
