"""Pull one image through containerd's CRI plugin: `cri_pull.py SOCKET REFERENCE`. Prints the image's id.

The messages are small enough to be written by hand: PullImageRequest{1: ImageSpec{1: image}}, PullImageResponse{1: id}.
"""

from __future__ import annotations

import sys

import grpc  # type: ignore[import-untyped]

METHOD = "/runtime.v1.ImageService/PullImage"
TIMEOUT = 80  # seconds


def first_field(value: bytes) -> bytes:
    """A protobuf message whose field 1 is these bytes."""
    length, size = bytearray(), len(value)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return b"\x0a" + bytes(length) + bytes([size]) + value


def pull(socket: str, reference: str) -> str:
    """The id of the pulled image. Raises grpc.RpcError."""
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        call = channel.unary_unary(METHOD, request_serializer=bytes, response_deserializer=bytes)
        answer: bytes = call(first_field(first_field(reference.encode())), timeout=TIMEOUT)
    return answer[2:].decode()


if __name__ == "__main__":
    try:
        print(pull(sys.argv[1], sys.argv[2]))
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")
