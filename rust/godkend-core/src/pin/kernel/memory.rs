//! Memory in huge pages, where the system gives them.
//!
//! A hash refers to blocks all over its 12 MiB. Those are three thousand pages of 4 KiB, more than a core
//! remembers the places of, and a virtual machine pays twice for each that it has to look up.

use std::mem::MaybeUninit;

use rustix::mm::{Advice, madvise};

use super::Block;

const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Asks for huge pages behind blocks that nobody has written to yet. Without them all goes on as before.
pub(in crate::pin) fn ask_for_huge_pages(blocks: &mut [MaybeUninit<Block>]) {
    let start = blocks.as_mut_ptr().cast::<u8>();
    let before = start.align_offset(HUGE_PAGE_BYTES);
    let whole = size_of_val(blocks).saturating_sub(before) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    if whole > 0 {
        // SAFETY: the range lies within `blocks`, and this advice changes nothing that can be read there.
        let _ = unsafe { madvise(start.add(before).cast(), whole, Advice::LinuxHugepage) };
    }
}
