//! A table from numbers to values in which neighbours mostly have the same: kept by ranges.

use crate::sim::Map;

/// By its first number, each range that has a value: its length and the value. Neighbours with equal values are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Ranges<T> {
    map: Map<u64, (u64, T)>,
}

/// A part of a range, and what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Piece<T> {
    pub from: u64,
    pub len: u64,
    pub value: T,
}

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Ranges { map: Map::new() }
    }
}

impl<T: Copy + PartialEq> Ranges<T> {
    pub fn pieces(&self) -> impl Iterator<Item = Piece<T>> + '_ {
        self.map.iter().map(|(from, (len, value))| Piece { from: *from, len: *len, value: *value })
    }

    /// The whole of `from..from + len`, piece by piece: `None` where there is nothing.
    pub fn within(&self, from: u64, len: u64) -> Vec<Piece<Option<T>>> {
        let (mut at, end, mut pieces) = (from, from + len, Vec::new());
        let before = self.map.range_to(&from).next_back();
        let overlapping = before.into_iter().chain(self.map.range_from(&from));
        for (first, (length, value)) in overlapping.take_while(|(first, _)| **first < end) {
            let (first, last) = ((*first).max(from), (first + length).min(end));
            if last <= at {
                continue;
            }
            if first > at {
                pieces.push(Piece { from: at, len: first - at, value: None });
            }
            pieces.push(Piece { from: first, len: last - first, value: Some(*value) });
            at = last;
        }
        if at < end {
            pieces.push(Piece { from: at, len: end - at, value: None });
        }
        pieces
    }

    /// Gives `from..from + len` this value, or none.
    pub fn set(&mut self, from: u64, len: u64, value: Option<T>) {
        if len == 0 {
            return;
        }
        let (mut start, mut end) = (from, from + len);
        let touching: Vec<(u64, (u64, T))> = {
            let before = self.map.range_to(&from).next_back();
            let near = before.into_iter().chain(self.map.range_from(&from));
            near.take_while(|(first, _)| **first <= end).map(|(first, rest)| (*first, *rest)).collect()
        };
        for (first, (length, old)) in touching {
            let last = first + length;
            if last < from {
                continue;
            }
            let same = Some(old) == value;
            if !same && (last == from || first == from + len) {
                continue;
            }
            self.map.remove(&first);
            if same {
                (start, end) = (start.min(first), end.max(last));
                continue;
            }
            if first < from {
                self.map.insert(first, (from - first, old));
            }
            if last > from + len {
                self.map.insert(from + len, (last - from - len, old));
            }
        }
        if let Some(value) = value {
            self.map.insert(start, (end - start, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Rng, Stream};

    /// Against a plain table of as many numbers.
    #[test]
    fn a_table_by_ranges_is_the_plain_table() {
        const SIZE: u64 = 40;
        let (mut ranges, mut plain) = (Ranges::default(), [None; SIZE as usize]);
        let mut rng = Rng::new(7, Stream::Fill);
        let mut below = |limit: u64| {
            let mut bytes = [0; 8];
            rng.fill(&mut bytes);
            u64::from_le_bytes(bytes) % limit
        };
        for _ in 0..5_000 {
            let from = below(SIZE);
            let len = below(SIZE - from + 1);
            let value = Some(below(4)).filter(|value| *value > 0);
            ranges.set(from, len, value);
            plain[from as usize..(from + len) as usize].fill(value);
            let told: Vec<Option<u64>> = ranges
                .within(0, SIZE)
                .into_iter()
                .flat_map(|piece| std::iter::repeat_n(piece.value, piece.len as usize))
                .collect();
            assert_eq!(told, plain);
            let all: Vec<Piece<u64>> = ranges.pieces().collect();
            let merged =
                all.windows(2).all(|two| two[0].from + two[0].len < two[1].from || two[0].value != two[1].value);
            assert!(merged, "{all:?}");
        }
    }
}
