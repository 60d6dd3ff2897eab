"""Argon2id: the vector of RFC 9106, and argon2-cffi at parameters drawn at random."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _argon2_cffi_bindings import ffi, lib
from argon2 import low_level
from hypothesis import given
from hypothesis import strategies as st

from godkend import _core
from godkend.errors import Invalid

RFC9106 = Path(__file__).parents[1] / "vectors" / "argon2" / "rfc9106.json"
SALT = bytes(16)


KERNELS = _core.argon2id_kernels()


def test_there_is_always_a_portable_kernel_and_it_comes_last() -> None:
    assert KERNELS[-1] == "portable"
    assert set(KERNELS) <= {"avx512", "avx2", "portable"}


def test_a_kernel_that_this_cpu_cannot_take_is_refused_by_name() -> None:
    with pytest.raises(Invalid) as refused:
        _core.argon2id(b"", SALT, 8, 1, 1, 32, kernel="quantum")
    assert refused.value.field == "kernel"


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_vector_of_rfc_9106(kernel: str) -> None:
    vectors = json.loads(RFC9106.read_text())["vectors"]
    (vector,) = [vector for vector in vectors if vector["type"] == "argon2id"]
    names = ("password", "salt", "secret", "associated_data")
    password, salt, secret, associated_data = (bytes.fromhex(vector[name]) for name in names)
    tag = _core.argon2id(
        password,
        salt,
        vector["memory_kib"],
        vector["iterations"],
        vector["parallelism"],
        32,
        secret,
        associated_data,
        kernel,
    )
    assert tag.hex() == vector["tag"]


def reference(
    password: bytes,
    salt: bytes,
    costs: tuple[int, int, int],
    length: int,
    secret: bytes,
    associated_data: bytes,
) -> bytes:
    """The reference C, by way of argon2-cffi, with the two inputs that its own API leaves out."""
    buffers = {
        "out": ffi.new("uint8_t[]", length),
        "pwd": ffi.new("uint8_t[]", password),
        "salt": ffi.new("uint8_t[]", salt),
        "secret": ffi.new("uint8_t[]", secret),
        "ad": ffi.new("uint8_t[]", associated_data),
    }
    memory_kib, iterations, parallelism = costs
    context = ffi.new(
        "argon2_context *",
        {
            **buffers,
            "outlen": length,
            "pwdlen": len(password),
            "saltlen": len(salt),
            "secretlen": len(secret),
            "adlen": len(associated_data),
            "t_cost": iterations,
            "m_cost": memory_kib,
            "lanes": parallelism,
            "threads": 1,
            "version": low_level.ARGON2_VERSION,
            "allocate_cbk": ffi.NULL,
            "free_cbk": ffi.NULL,
            "flags": lib.ARGON2_DEFAULT_FLAGS,
        },
    )
    assert low_level.core(context, low_level.Type.ID.value) == lib.ARGON2_OK
    return bytes(ffi.buffer(buffers["out"], length))


@st.composite
def all_costs(draw: st.DrawFn) -> tuple[int, int, int]:
    parallelism = draw(st.integers(1, 16))
    return draw(st.integers(8 * parallelism, 512)), draw(st.integers(1, 4)), parallelism


@given(
    st.binary(max_size=80),
    st.binary(min_size=8, max_size=64),
    all_costs(),
    st.integers(4, 64),
    st.binary(max_size=64),
    st.binary(max_size=64),
)
def test_the_reference_c_gives_the_same(
    password: bytes,
    salt: bytes,
    costs: tuple[int, int, int],
    length: int,
    secret: bytes,
    associated_data: bytes,
) -> None:
    expected = reference(password, salt, costs, length, secret, associated_data)
    for kernel in KERNELS:
        ours = _core.argon2id(password, salt, *costs, length, secret, associated_data, kernel)
        assert ours == expected, kernel


@given(st.binary(max_size=80), st.binary(min_size=8, max_size=64), all_costs(), st.integers(4, 64))
def test_without_secret_and_data_it_is_the_plain_hash(
    password: bytes, salt: bytes, costs: tuple[int, int, int], length: int
) -> None:
    memory_kib, iterations, parallelism = costs
    theirs = low_level.hash_secret_raw(
        password, salt, iterations, memory_kib, parallelism, length, low_level.Type.ID
    )
    assert _core.argon2id(password, salt, *costs, length) == theirs
    assert _core.argon2id(password, salt, *costs, length, b"", b"") == theirs


@pytest.mark.parametrize(
    ("memory_kib", "iterations", "parallelism", "length", "named"),
    [
        (7, 1, 1, 32, "memory_kib"),
        (31, 1, 4, 32, "memory_kib"),
        (1_048_577, 1, 1, 32, "memory_kib"),
        (8, 0, 1, 32, "iterations"),
        (8, 65, 1, 32, "iterations"),
        (8, 1, 0, 32, "parallelism"),
        (136, 1, 17, 32, "parallelism"),
        (8, 1, 1, 3, "length"),
        (8, 1, 1, 65, "length"),
    ],
)
def test_one_beyond_a_bound_is_refused_by_name(
    memory_kib: int, iterations: int, parallelism: int, length: int, named: str
) -> None:
    with pytest.raises(Invalid) as refused:
        _core.argon2id(b"", SALT, memory_kib, iterations, parallelism, length)
    assert refused.value.field == named


@pytest.mark.parametrize(
    ("memory_kib", "iterations", "parallelism", "length"),
    [(8, 1, 1, 4), (32, 1, 4, 64), (8, 64, 1, 32), (128, 1, 16, 32)],
)
def test_at_a_bound_it_is_not(
    memory_kib: int, iterations: int, parallelism: int, length: int
) -> None:
    assert len(_core.argon2id(b"", SALT, memory_kib, iterations, parallelism, length)) == length
