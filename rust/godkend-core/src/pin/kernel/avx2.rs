//! For CPUs with AVX2: four words at a time.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_alignr_epi8, _mm256_load_si256, _mm256_mul_epu32,
    _mm256_permute4x64_epi64, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_shuffle_epi32, _mm256_srli_epi64, _mm256_store_si256, _mm256_xor_si256,
};

use super::Block;

/// Four words of a block. A row of the matrix is four of them.
type Vector = __m256i;
const VECTORS: usize = Block::WORDS / 4;

/// Must only be called on a CPU with AVX2.
///
/// `next` first takes what the result is xored with at the end, so that only `z` has to be kept: the
/// sixteen registers hold two rows or two columns, and the rest lies in the first-level cache.
#[target_feature(enable = "avx2")]
pub(super) fn compress<const OVER: bool>(
    previous: &Block,
    reference: &Block,
    next: &mut Block,
    ahead: impl FnOnce(u64),
) {
    let mut z = [_mm256_setzero_si256(); VECTORS];
    for rows in 0..4 {
        let mut v = [_mm256_setzero_si256(); 8];
        for (i, v) in v.iter_mut().enumerate() {
            let at = 8 * rows + i;
            *v = _mm256_xor_si256(load(previous, at), load(reference, at));
            let kept = if OVER { _mm256_xor_si256(*v, load(next, at)) } else { *v };
            store(next, at, kept);
        }
        permute_rows(&mut v);
        z[8 * rows..8 * rows + 8].copy_from_slice(&v);
    }
    // The word that says where the next block refers to is finished first.
    finish_columns(&z, next, 0);
    ahead(next.0[0]);
    for columns in 1..4 {
        finish_columns(&z, next, columns);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn finish_columns(z: &[Vector; VECTORS], next: &mut Block, columns: usize) {
    let mut v = [_mm256_setzero_si256(); 8];
    for (i, v) in v.iter_mut().enumerate() {
        *v = z[4 * i + columns];
    }
    permute_columns(&mut v);
    for (i, v) in v.into_iter().enumerate() {
        let at = 4 * i + columns;
        store(next, at, _mm256_xor_si256(load(next, at), v));
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(block: &Block, at: usize) -> Vector {
    debug_assert!(at < VECTORS);
    // SAFETY: a block is VECTORS vectors, aligned to 64 bytes, and `at` is below VECTORS: the
    // callers' loops say so.
    unsafe { _mm256_load_si256(block.0.as_ptr().cast::<Vector>().add(at)) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(block: &mut Block, at: usize, vector: Vector) {
    debug_assert!(at < VECTORS);
    // SAFETY: as for `load`.
    unsafe { _mm256_store_si256(block.0.as_mut_ptr().cast::<Vector>().add(at), vector) }
}

/// P on two rows: `v[..4]` is one and `v[4..]` the other. Working on both hides the latency of each.
#[inline]
#[target_feature(enable = "avx2")]
fn permute_rows(v: &mut [Vector; 8]) {
    let [a0, b0, c0, d0, a1, b1, c1, d1] = *v;
    let [a0, b0, c0, d0, a1, b1, c1, d1] = mix([a0, b0, c0, d0, a1, b1, c1, d1]);
    let [a0, b0, c0, d0, a1, b1, c1, d1] =
        mix([a0, left(b0), half(c0), right(d0), a1, left(b1), half(c1), right(d1)]);
    *v = [a0, right(b0), half(c0), left(d0), a1, right(b1), half(c1), left(d1)];
}

/// P on two columns, one in the lower halves and one in the upper: `v[i]` holds words 2i and 2i + 1
/// of both.
#[inline]
#[target_feature(enable = "avx2")]
fn permute_columns(v: &mut [Vector; 8]) {
    let [a0, a1, b0, b1, c0, c1, d0, d1] = *v;
    let [a0, b0, c0, d0, a1, b1, c1, d1] = mix([a0, b0, c0, d0, a1, b1, c1, d1]);
    let [a0, b0, c1, d0, a1, b1, c0, d1] =
        mix([a0, join(b0, b1), c1, join(d1, d0), a1, join(b1, b0), c0, join(d0, d1)]);
    *v = [a0, a1, join(b1, b0), join(b0, b1), c0, c1, join(d0, d1), join(d1, d0)];
}

/// Four quarter-rounds at once, twice: GB of section 3.6 on each word of both halves.
#[inline]
#[target_feature(enable = "avx2")]
fn mix([a0, b0, c0, d0, a1, b1, c1, d1]: [Vector; 8]) -> [Vector; 8] {
    let (a0, a1) = (multiply_add(a0, b0), multiply_add(a1, b1));
    let (d0, d1) = (rotate_32(xor(d0, a0)), rotate_32(xor(d1, a1)));
    let (c0, c1) = (multiply_add(c0, d0), multiply_add(c1, d1));
    let (b0, b1) = (rotate_24(xor(b0, c0)), rotate_24(xor(b1, c1)));
    let (a0, a1) = (multiply_add(a0, b0), multiply_add(a1, b1));
    let (d0, d1) = (rotate_16(xor(d0, a0)), rotate_16(xor(d1, a1)));
    let (c0, c1) = (multiply_add(c0, d0), multiply_add(c1, d1));
    let (b0, b1) = (rotate_63(xor(b0, c0)), rotate_63(xor(b1, c1)));
    [a0, b0, c0, d0, a1, b1, c1, d1]
}

/// a + b + 2 * low(a) * low(b)
#[inline]
#[target_feature(enable = "avx2")]
fn multiply_add(a: Vector, b: Vector) -> Vector {
    let product = _mm256_mul_epu32(a, b);
    _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(product, product))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_32(x: Vector) -> Vector {
    _mm256_shuffle_epi32::<0b10_11_00_01>(x)
}

#[inline]
#[target_feature(enable = "avx2")]
#[rustfmt::skip]
fn rotate_24(x: Vector) -> Vector {
    _mm256_shuffle_epi8(x, _mm256_setr_epi8(
        3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10,
        3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10,
    ))
}

#[inline]
#[target_feature(enable = "avx2")]
#[rustfmt::skip]
fn rotate_16(x: Vector) -> Vector {
    _mm256_shuffle_epi8(x, _mm256_setr_epi8(
        2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9,
        2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9,
    ))
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_63(x: Vector) -> Vector {
    _mm256_xor_si256(_mm256_srli_epi64::<63>(x), _mm256_add_epi64(x, x))
}

/// The four words moved one place down, the first to the end.
#[inline]
#[target_feature(enable = "avx2")]
fn left(x: Vector) -> Vector {
    _mm256_permute4x64_epi64::<0b00_11_10_01>(x)
}

#[inline]
#[target_feature(enable = "avx2")]
fn half(x: Vector) -> Vector {
    _mm256_permute4x64_epi64::<0b01_00_11_10>(x)
}

#[inline]
#[target_feature(enable = "avx2")]
fn right(x: Vector) -> Vector {
    _mm256_permute4x64_epi64::<0b10_01_00_11>(x)
}

/// In each half, the second word of `x` and the first of `y`.
#[inline]
#[target_feature(enable = "avx2")]
fn join(x: Vector, y: Vector) -> Vector {
    _mm256_alignr_epi8::<8>(y, x)
}
