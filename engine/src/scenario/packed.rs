//! Bytes that repeat, on the wire. Most of a stand-in image is filler, one block a thousand times over; a scenario says so
//! instead of repeating it. For `#[serde(with = "packed")]`, and [`each`] for a list.

use crate::sim::SCENARIO_BYTES;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// Archives are made of blocks, and what repeats is one.
const BLOCK: usize = 512;

#[derive(Serialize, Deserialize)]
struct Run<'a> {
    times: u32,
    #[serde(borrow)]
    bytes: &'a [u8],
}

pub fn serialize<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    runs(bytes).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    unpacked(&Vec::deserialize(deserializer)?)
        .ok_or_else(|| D::Error::custom("it unpacks to too many bytes, or to none"))
}

pub mod each {
    use super::*;

    pub fn serialize<S: Serializer>(all: &[Arc<[u8]>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(|bytes| runs(bytes)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arc<[u8]>>, D::Error> {
        let all: Vec<Vec<Run<'de>>> = Vec::deserialize(deserializer)?;
        let unpacked: Option<Vec<_>> = all.iter().map(|runs| unpacked(runs)).collect();
        unpacked.ok_or_else(|| D::Error::custom("it unpacks to too many bytes, or to none"))
    }
}

fn runs(bytes: &[u8]) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let (mut from, mut at) = (0, 0);
    while at + 2 * BLOCK <= bytes.len() {
        let block = &bytes[at..at + BLOCK];
        let times = bytes[at..].chunks_exact(BLOCK).take_while(|next| *next == block).count();
        if times == 1 {
            at += BLOCK;
            continue;
        }
        if from < at {
            runs.push(Run { times: 1, bytes: &bytes[from..at] });
        }
        runs.push(Run { times: times as u32, bytes: block });
        at += times * BLOCK;
        from = at;
    }
    if from < bytes.len() {
        runs.push(Run { times: 1, bytes: &bytes[from..] });
    }
    runs
}

fn unpacked(runs: &[Run<'_>]) -> Option<Arc<[u8]>> {
    let length = |run: &Run<'_>| (run.times as usize).checked_mul(run.bytes.len());
    let total = runs.iter().try_fold(0_usize, |sum, run| sum.checked_add(length(run)?))?;
    // Nothing, four thousand million times over, takes no room and all the time there is.
    if total > SCENARIO_BYTES || runs.iter().any(|run| run.bytes.is_empty()) {
        return None;
    }
    let mut bytes = Vec::with_capacity(total);
    for run in runs {
        (0..run.times).for_each(|_| bytes.extend_from_slice(run.bytes));
    }
    Some(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "super")]
        one: Arc<[u8]>,
        #[serde(with = "super::each")]
        each: Vec<Arc<[u8]>>,
    }

    #[test]
    fn comes_back_as_it_was_and_repetition_costs_nothing() {
        let block: Vec<u8> = (0..BLOCK).map(|n| (n * 31 % 251) as u8).collect();
        let repeated = [&b"a block before".repeat(64)[..BLOCK], &block.repeat(500), b"and a tail"].concat();
        let plain: Vec<u8> = (0..3 * BLOCK + 7).map(|n| (n * n % 253) as u8).collect();
        let holder = Holder { one: repeated.into(), each: vec![plain.into(), Arc::new([]), block.into()] };
        let wire = postcard::to_allocvec(&holder).unwrap();
        assert!(wire.len() < 7 * BLOCK, "{}", wire.len());
        assert_eq!(postcard::from_bytes::<Holder>(&wire).unwrap(), holder);
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = [Run { times: u32::MAX, bytes: &[0; 64] }, Run { times: u32::MAX, bytes: &[0; 64] }];
        assert!(unpacked(&bomb).is_none());
        assert!(unpacked(&[Run { times: u32::MAX, bytes: &[] }]).is_none());
    }
}
