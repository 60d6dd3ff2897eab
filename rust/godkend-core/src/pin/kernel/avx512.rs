//! For CPUs with AVX-512: eight words at a time, and rotations in one instruction.
//!
//! The thirty-two registers hold the whole block, so that nothing is put aside between rows and columns.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_alignr_epi8, _mm512_load_si512, _mm512_mul_epu32,
    _mm512_permutex_epi64, _mm512_ror_epi64, _mm512_setzero_si512, _mm512_shuffle_i64x2,
    _mm512_store_si512, _mm512_xor_si512,
};

use super::Block;

/// Eight words of a block: half a row of the matrix.
type Vector = __m512i;
const VECTORS: usize = Block::WORDS / 8;

/// Must only be called on a CPU with AVX-512 F and BW.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn compress<const OVER: bool>(
    previous: &Block,
    reference: &Block,
    next: &mut Block,
    ahead: impl FnOnce(u64),
) {
    let mut z = [_mm512_setzero_si512(); VECTORS];
    for (at, z) in z.iter_mut().enumerate() {
        *z = xor(load(previous, at), load(reference, at));
        let kept = if OVER { xor(*z, load(next, at)) } else { *z };
        store(next, at, kept);
    }
    for rows in z.as_chunks_mut().0 {
        permute_rows(rows);
    }
    // The word that says where the next block refers to is finished first.
    finish_columns(&z, next, 0);
    ahead(next.0[0]);
    finish_columns(&z, next, 1);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn finish_columns(z: &[Vector; VECTORS], next: &mut Block, columns: usize) {
    let mut v = [_mm512_setzero_si512(); 8];
    for (i, v) in v.iter_mut().enumerate() {
        *v = z[2 * i + columns];
    }
    permute_columns(&mut v);
    for (i, v) in v.into_iter().enumerate() {
        let at = 2 * i + columns;
        store(next, at, xor(load(next, at), v));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(block: &Block, at: usize) -> Vector {
    debug_assert!(at < VECTORS);
    // SAFETY: a block is VECTORS vectors, aligned to 64 bytes, and `at` is below VECTORS: the
    // callers' loops say so.
    unsafe { _mm512_load_si512(block.0.as_ptr().cast::<Vector>().add(at)) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store(block: &mut Block, at: usize, vector: Vector) {
    debug_assert!(at < VECTORS);
    // SAFETY: as for `load`.
    unsafe { _mm512_store_si512(block.0.as_mut_ptr().cast::<Vector>().add(at), vector) }
}

/// P on four rows, each in two vectors. Two rows share the vectors of a, b, c and d; working on two such
/// pairs hides the latency of each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn permute_rows(rows: &mut [Vector; 8]) {
    let [ab0, cd0, ab1, cd1, ab2, cd2, ab3, cd3] = *rows;
    let [a0, b0, c0, d0] = [lower(ab0, ab1), upper(ab0, ab1), lower(cd0, cd1), upper(cd0, cd1)];
    let [a1, b1, c1, d1] = [lower(ab2, ab3), upper(ab2, ab3), lower(cd2, cd3), upper(cd2, cd3)];
    let [a0, b0, c0, d0, a1, b1, c1, d1] = mix([a0, b0, c0, d0, a1, b1, c1, d1]);
    let [a0, b0, c0, d0, a1, b1, c1, d1] =
        mix([a0, left(b0), half(c0), right(d0), a1, left(b1), half(c1), right(d1)]);
    let [b0, c0, d0, b1, c1, d1] = [right(b0), half(c0), left(d0), right(b1), half(c1), left(d1)];
    *rows = [
        lower(a0, b0),
        lower(c0, d0),
        upper(a0, b0),
        upper(c0, d0),
        lower(a1, b1),
        lower(c1, d1),
        upper(a1, b1),
        upper(c1, d1),
    ];
}

/// P on four columns, one in each quarter of the vectors: `v[i]` holds words 2i and 2i + 1
/// of all four.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn permute_columns(v: &mut [Vector; 8]) {
    let [a0, a1, b0, b1, c0, c1, d0, d1] = *v;
    let [a0, b0, c0, d0, a1, b1, c1, d1] = mix([a0, b0, c0, d0, a1, b1, c1, d1]);
    let [a0, b0, c1, d0, a1, b1, c0, d1] =
        mix([a0, join(b0, b1), c1, join(d1, d0), a1, join(b1, b0), c0, join(d0, d1)]);
    *v = [a0, a1, join(b1, b0), join(b0, b1), c0, c1, join(d0, d1), join(d1, d0)];
}

/// Eight quarter-rounds at once, twice: GB of section 3.6 on each word of both sets.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn mix([a0, b0, c0, d0, a1, b1, c1, d1]: [Vector; 8]) -> [Vector; 8] {
    let (a0, a1) = (multiply_add(a0, b0), multiply_add(a1, b1));
    let (d0, d1) = (rotate::<32>(xor(d0, a0)), rotate::<32>(xor(d1, a1)));
    let (c0, c1) = (multiply_add(c0, d0), multiply_add(c1, d1));
    let (b0, b1) = (rotate::<24>(xor(b0, c0)), rotate::<24>(xor(b1, c1)));
    let (a0, a1) = (multiply_add(a0, b0), multiply_add(a1, b1));
    let (d0, d1) = (rotate::<16>(xor(d0, a0)), rotate::<16>(xor(d1, a1)));
    let (c0, c1) = (multiply_add(c0, d0), multiply_add(c1, d1));
    let (b0, b1) = (rotate::<63>(xor(b0, c0)), rotate::<63>(xor(b1, c1)));
    [a0, b0, c0, d0, a1, b1, c1, d1]
}

/// a + b + 2 * low(a) * low(b)
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn multiply_add(a: Vector, b: Vector) -> Vector {
    let product = _mm512_mul_epu32(a, b);
    _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(product, product))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn rotate<const BITS: i32>(x: Vector) -> Vector {
    _mm512_ror_epi64::<BITS>(x)
}

/// The lower halves of both.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn lower(x: Vector, y: Vector) -> Vector {
    _mm512_shuffle_i64x2::<0b01_00_01_00>(x, y)
}

/// The upper halves of both.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn upper(x: Vector, y: Vector) -> Vector {
    _mm512_shuffle_i64x2::<0b11_10_11_10>(x, y)
}

/// In each half, the four words moved one place down, the first to the end.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn left(x: Vector) -> Vector {
    _mm512_permutex_epi64::<0b00_11_10_01>(x)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn half(x: Vector) -> Vector {
    _mm512_permutex_epi64::<0b01_00_11_10>(x)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn right(x: Vector) -> Vector {
    _mm512_permutex_epi64::<0b10_01_00_11>(x)
}

/// In each quarter, the second word of `x` and the first of `y`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn join(x: Vector, y: Vector) -> Vector {
    _mm512_alignr_epi8::<8>(y, x)
}
