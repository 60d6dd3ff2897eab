//! The compression function G of Argon2 (RFC 9106, sections 3.5 and 3.6), once for each kind of CPU.
//!
//! Nearly all the CPU of a login is spent here. This module and those below are the only ones with
//! `unsafe` in them: they load and store vectors, call code for CPU features that were found at run time,
//! prefetch, and say which memory should lie in huge pages. All kernels are compared with each other and with RustCrypto's, at random, by the tests
//! of `argon2id`.

#![allow(unsafe_code)]
// Every index is a constant or a loop variable below the length of a fixed-size array.
#![allow(clippy::indexing_slicing)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod memory;
mod portable;

pub(super) use memory::ask_for_huge_pages;
use zeroize::Zeroize;

/// Memory is divided into blocks of 1 KiB.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Block(pub(super) [u64; Block::WORDS]);

impl Block {
    pub(super) const WORDS: usize = 128;
    pub(super) const ZERO: Self = Self([0; Self::WORDS]);
}

impl Zeroize for Block {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// A way to compute G that this CPU can take: there is no other way to get one than to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Path);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// All that this CPU can take, the fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512bw") {
                found.push(Self(Path::Avx512));
            }
            if has!("avx2") {
                found.push(Self(Path::Avx2));
            }
        }
        found.push(Self(Path::Portable));
        found
    }

    /// The fastest.
    #[must_use]
    pub fn fastest() -> Self {
        Self::available().first().copied().unwrap_or(Self(Path::Portable))
    }

    /// `avx512`, `avx2` or `portable`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Path::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => "avx512",
        }
    }

    /// `next = G(previous, reference)`; if `over`, `next ^= G(previous, reference)`, as from the second
    /// pass on. `ahead` is told the first word of `next` as soon as it is known, well before the others.
    #[inline]
    pub(super) fn compress(
        self,
        previous: &Block,
        reference: &Block,
        next: &mut Block,
        over: bool,
        ahead: impl FnOnce(u64),
    ) {
        match (self.0, over) {
            (Path::Portable, _) => portable::compress(previous, reference, next, over, ahead),
            // SAFETY: `available` gives this path only where AVX2 was found.
            #[cfg(target_arch = "x86_64")]
            (Path::Avx2, true) => unsafe {
                avx2::compress::<true>(previous, reference, next, ahead);
            },
            // SAFETY: as before.
            #[cfg(target_arch = "x86_64")]
            (Path::Avx2, false) => unsafe {
                avx2::compress::<false>(previous, reference, next, ahead);
            },
            // SAFETY: `available` gives this path only where AVX-512 F and BW were found.
            #[cfg(target_arch = "x86_64")]
            (Path::Avx512, true) => unsafe {
                avx512::compress::<true>(previous, reference, next, ahead);
            },
            // SAFETY: as before.
            #[cfg(target_arch = "x86_64")]
            (Path::Avx512, false) => unsafe {
                avx512::compress::<false>(previous, reference, next, ahead);
            },
        }
    }
}

/// Where the blocks lie, to prefetch one while others are written. It reads nothing.
#[derive(Clone, Copy)]
pub(super) struct Prefetch(*const Block);

impl Prefetch {
    pub(super) fn of(blocks: &[Block]) -> Self {
        Self(blocks.as_ptr())
    }

    /// Brings a block near. A block that does not exist does no harm.
    #[inline(always)]
    pub(super) fn block(self, index: usize) {
        #[cfg(target_arch = "x86_64")]
        for line in 0..size_of::<Block>() / 64 {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let address = self.0.wrapping_add(index).cast::<i8>().wrapping_add(64 * line);
            // SAFETY: a hint; it never faults, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = index;
    }
}
