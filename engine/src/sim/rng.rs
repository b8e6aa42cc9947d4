//! Seeded randomness: ChaCha8, one stream for each subsystem, so that one drawing more does not disturb another.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// Who draws. The number is part of the trace's identity: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    DockerIds = 1,
    DockerNames = 2,
    /// `fill`: bytes that do not compress.
    Fill = 3,
    /// Random scenarios.
    Fuzz = 4,
    /// getrandom(2) of guests; offset by the pid.
    Guests = 1000,
}

/// A plain-data generator: a world that holds it can be cloned and continues alike.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    pub fn new(seed: u64, stream: Stream) -> Rng {
        Rng::numbered(seed, stream as u64)
    }

    pub fn for_guest(seed: u64, pid: u32) -> Rng {
        Rng::numbered(seed, Stream::Guests as u64 + u64::from(pid))
    }

    fn numbered(seed: u64, stream: u64) -> Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Rng(rng)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A number below `n` (> 0); the bias of a 64-bit modulus is far below what a lesson could show.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next_u64() % n
    }
}
