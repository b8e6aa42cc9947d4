//! The address space of a process: its mappings, by number, and which of their pages it has touched.

use super::ObjectId;
use super::ranges::Ranges;
use crate::kernel::files::OfdId;
use crate::sim::{MAPPINGS, Map};

#[derive(Clone, Debug, Default)]
pub(in crate::kernel) struct Space {
    pub maps: Map<u32, Mapping>,
}

#[derive(Clone, Debug)]
pub(in crate::kernel) struct Mapping {
    pub pages: u64,
    pub of: Of,
    /// The file stays open for as long as it is mapped.
    pub file: Option<OfdId>,
}

#[derive(Clone, Debug)]
pub(in crate::kernel) enum Of {
    /// By the page's place in the mapping, how far from that its frame is: frames that are in order are one piece.
    Private(Ranges<u64>),
    /// The pages that this process has touched.
    Object(ObjectId, Ranges<()>),
}

/// The frame of a page: its place and how far the frame is from it.
pub(super) fn frame(page: u64, distance: u64) -> u64 {
    page.wrapping_add(distance)
}

impl Space {
    pub(in crate::kernel) fn lowest_free(&self) -> Option<u32> {
        (0..MAPPINGS).find(|number| !self.maps.contains_key(number))
    }
}
