//! For every CPU, and what the others are compared with.

use super::Block;

pub(super) fn compress(
    previous: &Block,
    reference: &Block,
    next: &mut Block,
    over: bool,
    ahead: impl FnOnce(u64),
) {
    let mut mixed = *previous;
    mixed.0.iter_mut().zip(&reference.0).for_each(|(to, word)| *to ^= word);
    let mut z = mixed;
    for row in z.0.as_chunks_mut::<16>().0 {
        permute(row);
    }
    for column in 0..8 {
        let at: [usize; 16] = std::array::from_fn(|word| 16 * (word / 2) + 2 * column + word % 2);
        let mut words = at.map(|index| z.0[index]);
        permute(&mut words);
        at.into_iter().zip(words).for_each(|(index, word)| z.0[index] = word);
    }
    for ((to, z), mixed) in next.0.iter_mut().zip(z.0).zip(mixed.0) {
        *to = if over { *to ^ z ^ mixed } else { z ^ mixed };
    }
    ahead(next.0[0]);
}

#[inline(always)]
fn permute(v: &mut [u64; 16]) {
    mix(v, 0, 4, 8, 12);
    mix(v, 1, 5, 9, 13);
    mix(v, 2, 6, 10, 14);
    mix(v, 3, 7, 11, 15);
    mix(v, 0, 5, 10, 15);
    mix(v, 1, 6, 11, 12);
    mix(v, 2, 7, 8, 13);
    mix(v, 3, 4, 9, 14);
}

// Inlined, so that the indices are constants and no bound is checked.
#[inline(always)]
fn mix(v: &mut [u64; 16], a: usize, b: usize, c: usize, d: usize) {
    v[a] = multiply_add(v[a], v[b]);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = multiply_add(v[c], v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = multiply_add(v[a], v[b]);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = multiply_add(v[c], v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

#[inline(always)]
fn multiply_add(a: u64, b: u64) -> u64 {
    const LOW: u64 = 0xffff_ffff;
    let product = (a & LOW).wrapping_mul(b & LOW);
    a.wrapping_add(b).wrapping_add(product.wrapping_mul(2))
}
