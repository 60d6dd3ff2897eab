//! Argon2id, the memory-hard function that makes guessing PINs and passwords dear.
//!
//! Purpose: version 0x13 of RFC 9106, by the engine's own `argon2id` and the fastest of its `kernel`s
//! that this CPU can take. Invariant: one [`Arena`] per worker is the only memory a hash needs, so
//! workers times arena is the bound on memory, and no hash allocates. Parameters outside the technical
//! bounds of [`Params`] never reach the function, wherever they were read.
//!
//! Why its own: of the well-kept implementations measured side by side, the fastest that builds for any
//! x86-64 ran at 1.3 times the argon2-cffi wheel, and the reference C built for the machine at 1.8;
//! this one runs at 2.2 to 2.6. The figures are in `bench/README.md`, and `make bench` measures them anew.

use zeroize::Zeroize;

use super::argon2id::{self, Inputs};
use super::kernel::{Block, Kernel, ask_for_huge_pages};
use crate::error::{Error, Reason, Result};

/// RFC 9106, section 3.1.
const SALT_BYTES_MIN: usize = 8;
/// RFC 9106, section 3.1.
const TAG_BYTES_MIN: usize = 4;

/// What one hash costs. Within technical bounds, by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Params {
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
}

impl Params {
    /// 12288 KiB, 3 iterations, 1 lane: the cheapest for the server of the equivalent sets that
    /// the OWASP Password Storage Cheat Sheet and ASVS 5.0 appendix C approve.
    pub const DEFAULT: Self = Self { memory_kib: 12_288, iterations: 3, parallelism: 1 };
    /// RFC 9106 section 3.1: eight blocks of 1 KiB for each lane.
    pub const MEMORY_KIB_MIN: u32 = 8;
    /// 1 GiB; above, one damaged record could take the machine down.
    pub const MEMORY_KIB_MAX: u32 = 1_048_576;
    /// RFC 9106 section 3.1.
    pub const ITERATIONS_MIN: u32 = 1;
    /// Bounds the time of one hash.
    pub const ITERATIONS_MAX: u32 = 64;
    /// RFC 9106 section 3.1.
    pub const PARALLELISM_MIN: u32 = 1;
    /// The lanes of a hash are filled one after another on its worker: more lanes help nobody.
    pub const PARALLELISM_MAX: u32 = 16;

    /// Parameters within the technical bounds; whether they are strong enough to be chosen is the
    /// configuration's question, and RFC 9106's test vectors would not pass it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `memory_kib`, `iterations` or `parallelism` and its bound.
    pub fn new(memory_kib: u32, iterations: u32, parallelism: u32) -> Result<Self> {
        if !(Self::PARALLELISM_MIN..=Self::PARALLELISM_MAX).contains(&parallelism) {
            return Err(Error::invalid("parallelism", "must be 1 to 16"));
        }
        if !(Self::ITERATIONS_MIN..=Self::ITERATIONS_MAX).contains(&iterations) {
            return Err(Error::invalid("iterations", "must be 1 to 64"));
        }
        if !(Self::MEMORY_KIB_MIN * parallelism..=Self::MEMORY_KIB_MAX).contains(&memory_kib) {
            return Err(Error::invalid(
                "memory_kib",
                "must be 8 for each of parallelism, to 1048576",
            ));
        }
        Ok(Self { memory_kib, iterations, parallelism })
    }

    /// Memory of one hash, in KiB.
    #[must_use]
    pub const fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Lanes of the memory.
    #[must_use]
    pub const fn parallelism(&self) -> u32 {
        self.parallelism
    }
}

impl Default for Params {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The memory of one hash worker, used again for every hash.
///
/// It is wiped when dropped and not after each hash. Wiping 12 MiB costs 4 % of a hash (measured),
/// wiping less protects nothing (any one block is enough to test guesses against), and whoever can
/// read this memory can read the sealing key beside it. The next hash writes over it.
///
/// It has the memory that new PINs take, and grows once for a record that was made with more, up to a
/// bound: lowering the cost must not shut out those whose records are older.
pub struct Arena {
    blocks: Vec<Block>,
    blocks_max: usize,
    kernel: Kernel,
}

impl Arena {
    /// Memory of `memory_kib`, taken from the system at once so that running out shows at the start
    /// and not during a login; it may grow to `memory_kib_max`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `memory_kib` outside 8 to 1048576 or above `memory_kib_max`;
    /// [`Reason::Overloaded`] if the memory cannot be had.
    pub fn new(memory_kib: u32, memory_kib_max: u32) -> Result<Self> {
        for kib in [memory_kib, memory_kib_max] {
            Params::new(kib, Params::ITERATIONS_MIN, Params::PARALLELISM_MIN)?;
        }
        if memory_kib > memory_kib_max {
            return Err(Error::invalid("memory_kib", "must not be above memory_kib_max"));
        }
        let blocks_max = usize::try_from(memory_kib_max).unwrap_or(usize::MAX);
        let mut arena = Self { blocks: Vec::new(), blocks_max, kernel: Kernel::fastest() };
        arena.grow(usize::try_from(memory_kib).unwrap_or(usize::MAX))?;
        Ok(arena)
    }

    /// The same, hashing with a kernel of choice: to compare them.
    #[must_use]
    pub fn with_kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    fn grow(&mut self, count: usize) -> Result<()> {
        let more = count.saturating_sub(self.blocks.len());
        self.blocks.try_reserve_exact(more).map_err(|error| {
            Error::fault(Reason::Overloaded, format!("no {count} KiB for hashing: {error}"))
        })?;
        ask_for_huge_pages(self.blocks.spare_capacity_mut());
        self.blocks.resize(count, Block::ZERO);
        Ok(())
    }

    /// Argon2id of `password` into all of `out`. `salt` is 8 bytes or more; `secret` (a pepper)
    /// may be empty; `associated_data` is at most 32 bytes; `out` 4 bytes or more.
    ///
    /// # Errors
    /// A fault, never a denial: [`Reason::StoreFault`] if `params` needs more memory than the
    /// arena may have, [`Reason::Overloaded`] if that memory cannot be had,
    /// [`Reason::Internal`] if a length is out of bounds.
    pub fn hash(
        &mut self,
        params: &Params,
        password: &[u8],
        salt: &[u8],
        secret: &[u8],
        associated_data: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        if salt.len() < SALT_BYTES_MIN || out.len() < TAG_BYTES_MIN {
            return Err(Error::fault(
                Reason::Internal,
                "argon2id: a salt or tag that is too short",
            ));
        }
        let count = usize::try_from(params.memory_kib).unwrap_or(usize::MAX);
        if count > self.blocks_max {
            let detail =
                format!("a hash needs {count} KiB, at most {} KiB are allowed", self.blocks_max);
            return Err(Error::fault(Reason::StoreFault, detail));
        }
        if count > self.blocks.len() {
            self.grow(count)?;
        }
        let blocks = self
            .blocks
            .get_mut(..count)
            .ok_or_else(|| Error::fault(Reason::Internal, "an arena that did not grow"))?;
        let inputs = Inputs {
            memory_kib: params.memory_kib,
            iterations: params.iterations,
            parallelism: params.parallelism,
            password,
            salt,
            secret,
            associated_data,
        };
        argon2id::hash(self.kernel, blocks, &inputs, out);
        Ok(())
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for block in &mut self.blocks {
            block.zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::vectors;

    #[test]
    fn the_vectors_of_rfc_9106_hold() {
        let file = vectors::read("argon2/rfc9106.json");
        let mut count = 0;
        for vector in
            file["vectors"].as_array().unwrap().iter().filter(|vector| vector["type"] == "argon2id")
        {
            let bytes = |name: &str| vectors::hex(&vector[name]);
            let number = |name: &str| u32::try_from(vector[name].as_u64().unwrap()).unwrap();
            let params =
                Params::new(number("memory_kib"), number("iterations"), number("parallelism"))
                    .unwrap();
            let mut out = vec![0; bytes("tag").len()];
            let mut arena = Arena::new(64, 64).unwrap();
            // Twice in one arena: what the first hash leaves behind must not change the second.
            for _ in 0..2 {
                arena
                    .hash(
                        &params,
                        &bytes("password"),
                        &bytes("salt"),
                        &bytes("secret"),
                        &bytes("associated_data"),
                        &mut out,
                    )
                    .unwrap();
                assert_eq!(out, bytes("tag"));
            }
            count += 1;
        }
        assert_eq!(Some(count), file["argon2id_count"].as_u64());
        assert!(count > 0 && matches!(file["vectors"], Value::Array(_)));
    }

    #[test]
    fn each_bound_is_named_one_below_and_one_above() {
        for (memory_kib, iterations, parallelism, field) in [
            (7, 1, 1, Some("memory_kib")),
            (8, 1, 1, None),
            (15, 1, 2, Some("memory_kib")),
            (16, 1, 2, None),
            (1_048_576, 64, 16, None),
            (1_048_577, 64, 16, Some("memory_kib")),
            (12_288, 0, 1, Some("iterations")),
            (12_288, 65, 1, Some("iterations")),
            (12_288, 3, 0, Some("parallelism")),
            (12_288, 3, 17, Some("parallelism")),
            (u32::MAX, u32::MAX, u32::MAX, Some("parallelism")),
        ] {
            let named = match Params::new(memory_kib, iterations, parallelism) {
                Err(Error::Invalid { field, .. }) => Some(field),
                _ => None,
            };
            assert_eq!(named, field, "{memory_kib} {iterations} {parallelism}");
        }
    }

    #[test]
    fn more_memory_than_the_arena_has_is_a_fault_and_not_a_wrong_pin() {
        let mut arena = Arena::new(64, 64).unwrap();
        let params = Params::new(65, 1, 1).unwrap();
        let answer = arena.hash(&params, b"493817", &[0; 16], b"", b"", &mut [0; 32]);
        assert!(matches!(answer, Err(Error::Fault { reason: Reason::StoreFault, .. })));
    }

    #[test]
    fn lengths_out_of_bounds_are_faults() {
        let mut arena = Arena::new(64, 64).unwrap();
        let params = Params::new(64, 1, 1).unwrap();
        let mut hash = |salt: usize, data: usize, out: usize| {
            arena
                .hash(&params, b"493817", &vec![0; salt], b"", &vec![0; data], &mut vec![0; out])
                .is_ok()
        };
        assert!(hash(8, 32, 4));
        assert!(!hash(7, 0, 32) && !hash(16, 0, 3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// An arena remembers nothing: a hash is the same after any other hash, of any size.
        #[test]
        fn the_order_of_hashes_does_not_matter(before in 8..=256_u32, memory_kib in 8..=256_u32, iterations in 1..=3_u32) {
            let params = Params::new(memory_kib, iterations, 1).unwrap();
            let mut used = Arena::new(256, 256).unwrap();
            let (mut first, mut second) = ([0; 32], [0; 32]);
            used.hash(&Params::new(before, 1, 1).unwrap(), b"111111", &[9; 16], b"", b"", &mut first).unwrap();
            used.hash(&params, b"493817", &[1; 16], b"", b"", &mut first).unwrap();
            Arena::new(256, 256).unwrap().hash(&params, b"493817", &[1; 16], b"", b"", &mut second).unwrap();
            prop_assert_eq!(first, second);
        }
    }
}
