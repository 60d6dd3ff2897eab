//! Argon2id, version 0x13 (RFC 9106, section 3), over memory that the caller owns.
//!
//! The engine's own, because this is where its CPU goes: no allocation, one compression function chosen
//! at run time (see `kernel`). Bit-identical to the reference at every parameter; its vectors, RustCrypto
//! and the argon2-cffi wheel are compared with in tests. Lanes are filled one after the other: the result
//! is the same, and a login server has other logins for its other cores.

// Indices into the memory follow from lengths that `Shape` computes; the RFC's own test is that they
// stay inside, and a slip is a panic that takes the worker out of health, never a wrong answer.
#![allow(clippy::indexing_slicing)]

use blake2b_simd::Params as Blake2b;

use super::kernel::{Block, Kernel, Prefetch};

const VERSION: u32 = 0x13;
/// Argon2id, among Argon2d (0) and Argon2i (1).
const TYPE: u32 = 2;
/// A lane is filled in four slices; between them, lanes wait for each other.
const SLICES: usize = 4;
const BLAKE2B_BYTES_MAX: usize = 64;

/// What is hashed, and at what cost. Bounds are the caller's: see `Params`.
pub(super) struct Inputs<'a> {
    pub(super) memory_kib: u32,
    pub(super) iterations: u32,
    pub(super) parallelism: u32,
    pub(super) password: &'a [u8],
    pub(super) salt: &'a [u8],
    pub(super) secret: &'a [u8],
    pub(super) associated_data: &'a [u8],
}

/// How the memory is divided.
#[derive(Clone, Copy)]
struct Shape {
    lanes: usize,
    segment: usize,
    lane: usize,
}

/// Where in the filling the next segment is.
#[derive(Clone, Copy)]
struct Position {
    pass: usize,
    slice: usize,
    lane: usize,
}

/// Fills `blocks`, of which there are `memory_kib`, and writes the tag to all of `out`.
pub(super) fn hash(kernel: Kernel, blocks: &mut [Block], inputs: &Inputs<'_>, out: &mut [u8]) {
    let lanes = inputs.parallelism as usize;
    let segment = inputs.memory_kib as usize / (SLICES * lanes);
    let shape = Shape { lanes, segment, lane: SLICES * segment };
    let blocks = &mut blocks[..lanes * shape.lane];
    begin_lanes(blocks, shape, inputs, out.len());
    for pass in 0..inputs.iterations as usize {
        for slice in 0..SLICES {
            for lane in 0..lanes {
                let position = Position { pass, slice, lane };
                fill_segment(kernel, blocks, shape, position, inputs.iterations);
            }
        }
    }
    let mut last = Block::ZERO;
    for lane in blocks.chunks_exact(shape.lane) {
        last.0.iter_mut().zip(lane[shape.lane - 1].0).for_each(|(to, word)| *to ^= word);
    }
    let mut bytes = [0; 8 * Block::WORDS];
    bytes.as_chunks_mut().0.iter_mut().zip(last.0).for_each(|(to, word)| *to = word.to_le_bytes());
    stretch(&[&bytes], out);
}

/// The first two blocks of each lane, from H0 (section 3.2, steps 1, 3 and 4).
fn begin_lanes(blocks: &mut [Block], shape: Shape, inputs: &Inputs<'_>, out_bytes: usize) {
    let mut h0 = Blake2b::new().to_state();
    for number in
        [inputs.parallelism, length(out_bytes), inputs.memory_kib, inputs.iterations, VERSION, TYPE]
    {
        h0.update(&number.to_le_bytes());
    }
    for field in [inputs.password, inputs.salt, inputs.secret, inputs.associated_data] {
        h0.update(&length(field.len()).to_le_bytes());
        h0.update(field);
    }
    let h0 = h0.finalize();
    for (number, lane) in (0u32..).zip(blocks.chunks_exact_mut(shape.lane)) {
        for (index, block) in (0u32..2).zip(lane) {
            let mut bytes = [0; 8 * Block::WORDS];
            stretch(&[h0.as_bytes(), &index.to_le_bytes(), &number.to_le_bytes()], &mut bytes);
            let words = bytes.as_chunks().0;
            block.0.iter_mut().zip(words).for_each(|(to, word)| *to = u64::from_le_bytes(*word));
        }
    }
}

/// H', the hash of variable length (section 3.3).
fn stretch(parts: &[&[u8]], mut out: &mut [u8]) {
    let blake2b = |bytes: usize| {
        let mut params = Blake2b::new();
        params.hash_length(bytes.min(BLAKE2B_BYTES_MAX));
        params
    };
    let mut state = blake2b(out.len()).to_state();
    state.update(&length(out.len()).to_le_bytes());
    for part in parts {
        state.update(part);
    }
    let mut v = state.finalize();
    while out.len() > BLAKE2B_BYTES_MAX {
        let (half, rest) = out.split_at_mut(BLAKE2B_BYTES_MAX / 2);
        half.copy_from_slice(&v.as_bytes()[..BLAKE2B_BYTES_MAX / 2]);
        out = rest;
        v = blake2b(out.len()).hash(v.as_bytes());
    }
    out.copy_from_slice(v.as_bytes());
}

/// One lane of one slice (section 3.2, steps 5 and 6).
///
/// Which block the next one refers to is known before this one is finished, and fetched meanwhile: the
/// memory is larger than the nearer caches.
fn fill_segment(
    kernel: Kernel,
    blocks: &mut [Block],
    shape: Shape,
    position: Position,
    iterations: u32,
) {
    let Position { pass, slice, lane } = position;
    // The first half of the first pass takes its references independently of the password.
    let mut addresses = (pass == 0 && slice < SLICES / 2)
        .then(|| Addresses::new(kernel, blocks.len(), position, iterations));
    let prefetch = Prefetch::of(blocks);
    let first = if pass == 0 && slice == 0 { 2 } else { 0 };

    let column = slice * shape.segment + first;
    let mut previous = lane * shape.lane + if column == 0 { shape.lane } else { column } - 1;
    let random = match &mut addresses {
        Some(addresses) => addresses.take(first),
        None => blocks[previous].0[0],
    };
    let mut reference = reference(shape, position, first, random);
    for index in first..shape.segment {
        let next = lane * shape.lane + slice * shape.segment + index;
        let upcoming = index + 1;
        let independent = match &mut addresses {
            Some(addresses) if upcoming < shape.segment => Some(addresses.take(upcoming)),
            _ => None,
        };
        let mut referred = 0;
        // The reference set leaves out the previous block, so that the three are always different.
        let Ok([behind, referred_to, filled]) =
            blocks.get_disjoint_mut([previous, reference, next])
        else {
            unreachable!("a block that refers to itself");
        };
        kernel.compress(behind, referred_to, filled, pass > 0, |word| {
            referred = self::reference(shape, position, upcoming, independent.unwrap_or(word));
            prefetch.block(referred);
        });
        (previous, reference) = (next, referred);
    }
}

/// Which block a random number refers to (section 3.4.2).
fn reference(shape: Shape, position: Position, index: usize, random: u64) -> usize {
    let Position { pass, slice, lane } = position;
    let (j1, j2) = (random & 0xffff_ffff, (random >> 32) as usize);
    let chosen = match shape.lanes {
        1 => lane,
        _ if pass == 0 && slice == 0 => lane,
        lanes => j2 % lanes,
    };
    let finished = if pass == 0 { slice * shape.segment } else { shape.lane - shape.segment };
    // In its own lane what this segment has filled counts too, but for the previous block.
    let area =
        if chosen == lane { finished + index - 1 } else { finished - usize::from(index == 0) };
    let area = area as u64;
    let x = (j1 * j1) >> 32;
    let offset = (area - 1 - ((area * x) >> 32)) as usize;
    let start = if pass == 0 || slice == SLICES - 1 { 0 } else { (slice + 1) * shape.segment };
    let column = start + offset;
    chosen * shape.lane + if column < shape.lane { column } else { column - shape.lane }
}

/// The random numbers of Argon2i's part: G over a counter, 128 at a time (section 3.4.1.2).
struct Addresses {
    kernel: Kernel,
    input: Block,
    drawn: Block,
}

impl Addresses {
    const COUNTER: usize = 6;

    fn new(kernel: Kernel, blocks: usize, position: Position, iterations: u32) -> Self {
        let Position { pass, slice, lane } = position;
        let mut input = Block::ZERO;
        let head = [pass, lane, slice, blocks, iterations as usize, TYPE as usize];
        input.0.iter_mut().zip(head).for_each(|(to, value)| *to = value as u64);
        let mut addresses = Self { kernel, input, drawn: Block::ZERO };
        addresses.draw();
        addresses
    }

    fn draw(&mut self) {
        self.input.0[Self::COUNTER] += 1;
        let mut once = Block::ZERO;
        self.kernel.compress(&Block::ZERO, &self.input, &mut once, false, |_| ());
        self.kernel.compress(&Block::ZERO, &once, &mut self.drawn, false, |_| ());
    }

    /// The number of the block at `index`; they are taken in order.
    fn take(&mut self, index: usize) -> u64 {
        if index > 0 && index.is_multiple_of(Block::WORDS) {
            self.draw();
        }
        self.drawn.0[index % Block::WORDS]
    }
}

/// A length as the RFC writes it. Nothing that is hashed here comes near 4 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
    use proptest::prelude::*;

    fn reference(inputs: &Inputs<'_>, out: &mut [u8]) {
        let params = ParamsBuilder::new()
            .m_cost(inputs.memory_kib)
            .t_cost(inputs.iterations)
            .p_cost(inputs.parallelism)
            .data(AssociatedData::new(inputs.associated_data).unwrap())
            .build()
            .unwrap();
        Argon2::new_with_secret(inputs.secret, Algorithm::Argon2id, Version::V0x13, params)
            .unwrap()
            .hash_password_into(inputs.password, inputs.salt, out)
            .unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn every_path_agrees_with_rustcrypto(
            parallelism in 1u32..5, memory in 0u32..300, iterations in 1u32..5,
            password in prop::collection::vec(any::<u8>(), 0..80),
            salt in prop::collection::vec(any::<u8>(), 8..40),
            secret in prop::collection::vec(any::<u8>(), 0..33),
            associated_data in prop::collection::vec(any::<u8>(), 0..33),
            out_bytes in 4usize..200,
        ) {
            let memory_kib = 8 * parallelism + memory;
            let inputs = Inputs {
                memory_kib, iterations, parallelism,
                password: &password, salt: &salt, secret: &secret, associated_data: &associated_data,
            };
            let mut expected = vec![0; out_bytes];
            reference(&inputs, &mut expected);
            for kernel in Kernel::available() {
                // What lay in the memory before must not matter.
                let mut blocks = vec![Block([0x5555; Block::WORDS]); memory_kib as usize];
                let mut out = vec![0; out_bytes];
                hash(kernel, &mut blocks, &inputs, &mut out);
                prop_assert_eq!(&out, &expected, "{}", kernel.name());
            }
        }
    }
}
